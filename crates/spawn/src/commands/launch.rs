use std::path::PathBuf;

use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::ports::CallerAccount;

use crate::Ports;
use crate::journal::LaunchJournal;
use crate::launcher::input::read_row;
use crate::launcher::order::LaunchOrder;
use crate::launcher::plan_file::{self, LaunchPlanFile};
use crate::launcher::prepared::PreparedLaunch;
use crate::launcher::report::launch_report;
use crate::launcher::settle::{drive_to_outcome, report_outcome, resume};
use crate::launcher::wizard::ask_for_launch;
use crate::ports::{cloud_failure, cloud_failure_in};
use crate::provision::ensure;
use crate::regions;

/// Launch one instance with a limited life.
///
/// The launch is written to a journal before any request is sent. So a lost answer or a killed
/// program never launches a second instance: --resume continues the first launch. The first boot
/// starts a systemd timer that powers the instance off 15 minutes after its deadline: the grace
/// period of 5 minutes and 10 more. Then spawnd is sent through ssh: it warns, and ends an idle
/// instance. If that fails, the instance stays, and the timer still bounds it: spawn deliver tries
/// again. Outside, spawn reap ends an instance that the timer missed.
///
/// The instance gets a key pair, a security group that lets this machine's address connect to port
/// 22, and a role for spawnd alone. What is missing is created. Its root volume is encrypted. Its
/// metadata service accepts only sessions (version 2), one hop away. The image needs Linux,
/// cloud-init and systemd.
///
/// Every flag with a key in .spawn.yaml takes its value from there if it is not given: spawn config
/// show prints the values. The prices are those of the local warehouse, without disks and traffic.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct LaunchArgs {
    /// The instance type, or - for a row of truffle search -o json on standard input
    #[arg(value_name = "TYPE")]
    pub instance_type: Option<String>,
    /// The instance's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// How long it may run: 90m, 8h, 2d
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub ttl: Option<String>,
    /// When its time ends: eod (18:00), 18:00, "fri 18:00", or an instant such as
    /// 2026-12-24T18:00:00Z; clock times are local
    #[arg(long, value_name = "TIME", conflicts_with = "ttl", help_heading = "Life")]
    pub until: Option<String>,
    /// The longest life, which no extension can exceed [default: 7d]
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub cap: Option<String>,
    /// Stop, hibernate or terminate at the deadline; a power-off from inside stops or terminates
    /// [default: stop; terminate for spot]
    #[arg(long, value_name = "ACTION", help_heading = "Life")]
    pub on_expiry: Option<String>,
    /// How long it may be idle before spawnd ends it
    #[arg(long, value_name = "SPAN", help_heading = "Life")]
    pub idle_timeout: Option<String>,
    /// Stop, hibernate or terminate an idle instance [default: stop; terminate for spot]
    #[arg(long, value_name = "ACTION", help_heading = "Life")]
    pub on_idle: Option<String>,

    /// The image: ami-…, al2023, ubuntu-24.04 or deep-learning [default: al2023]
    #[arg(long, value_name = "IMAGE", help_heading = "Machine")]
    pub image: Option<String>,
    /// The size of the root disk in GiB [default: the image's own]
    #[arg(long, value_name = "GIB", help_heading = "Machine")]
    pub disk: Option<String>,
    /// Prepare the instance for hibernation; the disk grows by its memory
    #[arg(long, help_heading = "Machine")]
    pub hibernation: bool,
    /// Launch a spot instance
    #[arg(long, help_heading = "Machine")]
    pub spot: bool,
    /// Use a persistent spot request, so that the instance can be stopped
    #[arg(long, help_heading = "Machine")]
    pub stoppable: bool,
    /// The highest price in dollars per hour; a higher one is refused
    #[arg(long, value_name = "PRICE", help_heading = "Machine")]
    pub max_price: Option<String>,

    /// The region
    #[arg(long, value_name = "REGION", help_heading = "Place and access")]
    pub region: Option<String>,
    /// The availability zone, by name or id
    #[arg(long, value_name = "ZONE", help_heading = "Place and access")]
    pub zone: Option<String>,
    /// The subnet [default: the default subnet of the zone]
    #[arg(long, value_name = "SUBNET", help_heading = "Place and access")]
    pub subnet: Option<String>,
    /// The name of a key pair in the region, or none [default: your ed25519 key, which is imported]
    #[arg(long, value_name = "NAME", help_heading = "Place and access")]
    pub key: Option<String>,
    /// A security group by name or id; may be repeated [default: spawn-ssh, for this machine's
    /// address]
    #[arg(long, value_name = "GROUP", value_delimiter = ',', help_heading = "Place and access")]
    pub group: Vec<String>,
    /// Let every address connect to port 22, or the range of ssh.from
    #[arg(long, conflicts_with = "group", help_heading = "Place and access")]
    pub open: bool,
    /// The role of the instance, or none [default: spawn-instance]
    #[arg(long, value_name = "NAME", help_heading = "Place and access")]
    pub role: Option<String>,
    /// The login user [default: that of the image]
    #[arg(long, value_name = "USER", help_heading = "Place and access")]
    pub user: Option<String>,

    /// How spawnd gets onto the instance: push (through ssh), https://…/{arch}, or none
    /// [default: push]
    #[arg(long, value_name = "WAY", help_heading = "Contents")]
    pub deliver: Option<String>,
    /// A file for cloud-init, in any form that it accepts
    #[arg(long, value_name = "FILE", help_heading = "Contents")]
    pub user_data: Option<String>,
    /// An environment variable, written to /etc/spawn/env through ssh; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Contents")]
    pub env: Vec<String>,

    /// A tag of everything that is launched; may be repeated
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Tags")]
    pub tag: Vec<String>,
    /// The value of the tag project
    #[arg(long, value_name = "NAME", help_heading = "Tags")]
    pub project: Option<String>,
    /// The value of the tag team
    #[arg(long, value_name = "NAME", help_heading = "Tags")]
    pub team: Option<String>,

    /// A set of settings below profiles in .spawn.yaml
    #[arg(long, value_name = "NAME", help_heading = "Plan")]
    pub profile: Option<String>,
    /// Show the launch and let EC2 check it: nothing is launched or written
    #[arg(long, help_heading = "Plan")]
    pub dry_run: bool,
    /// Write the plan to this file and launch nothing; with --yes, launch the plan of the file
    #[arg(long, value_name = "FILE", help_heading = "Plan")]
    pub plan: Option<PathBuf>,
    /// Launch the plan of --plan, or say how it differs from a plan of now
    #[arg(long, requires = "plan", conflicts_with = "dry_run", help_heading = "Plan")]
    pub yes: bool,
    /// Continue an interrupted launch and report its outcome
    #[arg(long, conflicts_with_all = ["instance_type", "ttl", "until", "dry_run", "anew", "plan"], help_heading = "Plan")]
    pub resume: bool,
    /// Launch although an earlier launch is not settled; both instances may run
    #[arg(long, help_heading = "Plan")]
    pub anew: bool,
}

pub(crate) fn run_launch(
    args: &LaunchArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if args.resume {
        return resume(ports, printer);
    }
    let mut args = args.clone();
    let is_wizard = args == LaunchArgs::default();
    if is_wizard {
        ask_for_launch(&mut args, ports)?;
    }
    if args.instance_type.as_deref() == Some("-") {
        read_row(&mut args, ports, printer)?;
    }
    let saved = match &args.plan {
        Some(file) if args.yes => Some(plan_file::read(file, &args)?),
        _ => None,
    };
    let order = match &saved {
        Some(plan) => plan.order.clone(),
        None => LaunchOrder::read(&args, ports, printer)?,
    };
    let caller = ports.account.caller().map_err(cloud_failure)?;
    printer.relative_to(caller.now);
    regions::choose_regions(std::slice::from_ref(&order.choices.region), &caller)?;
    let prepared = PreparedLaunch::prepare(order, &caller, ports)?;
    if let Some(plan) = saved {
        refuse_differences(&plan, &prepared)?;
    } else if let Some(file) = &args.plan {
        show(&prepared, ports, printer)?;
        plan_file::write(file, &prepared.plan_file())?;
        let file = file.display();
        printer.note(&format!("nothing was launched; spawn launch --yes --plan {file} launches it"));
        return Ok(Exit::Done);
    }
    if args.dry_run {
        show(&prepared, ports, printer)?;
        let checked = ports.instances.check_launch(&prepared.record.request);
        checked.map_err(|error| cloud_failure_in(error, &prepared.context()))?;
        if prepared.record.fresh {
            printer.note("EC2 checked the request without the resources that do not exist yet");
        }
        printer.note("nothing was launched; EC2 would accept the request, as far as it has capacity");
        return Ok(Exit::Done);
    }
    if is_wizard {
        show(&prepared, ports, printer)?;
        if (ports.agree)("Launch it?") != Some(true) {
            printer.note("nothing was launched");
            return Ok(Exit::Done);
        }
    }
    launch(prepared, &caller, args.anew, ports, printer)
}

fn show(prepared: &PreparedLaunch, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let report = launch_report(&prepared.record, None, prepared.price.as_ref().ok(), None);
    printer.report(&report, ports.encode)?;
    prepared.print_notes(printer);
    Ok(())
}

/// Refuses to carry out a plan that differs from a plan of now.
fn refuse_differences(plan: &LaunchPlanFile, prepared: &PreparedLaunch) -> Result<(), Failure> {
    let excerpt = plan.differences(&prepared.plan_file());
    if excerpt.is_empty() {
        return Ok(());
    }
    let failure = Failure::broken("nothing was launched: the plan differs from a plan of now");
    Err(Failure { excerpt, ..failure }.hint("write the plan again with --plan and without --yes"))
}

/// Records the launch and carries it out, unless an earlier one is not settled.
fn launch(
    mut prepared: PreparedLaunch,
    caller: &CallerAccount,
    anew: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let journal = LaunchJournal::open(&ports.journal_folder())?;
    for open in journal.open_launches()? {
        // A launch whose lock is taken is under way in another program, which settles it.
        let is_interrupted = journal.lock(&open.id)?.is_some();
        if is_interrupted && !anew {
            let (id, planned) = (&open.id, open.planned);
            return Err(Failure::broken(format!("launch {id} of {planned:.0} is not settled"))
                .hint("spawn launch --resume continues it; --anew launches another one"));
        }
    }
    let mut notes = Vec::new();
    let found = ensure(&prepared.provisions, caller.now, ports, &mut notes)?;
    notes.iter().for_each(|note| printer.note(note));
    prepared.use_provisions(found);
    let record = prepared.record;
    let lock = journal
        .lock(&record.id)?
        .ok_or_else(|| Failure::broken(format!("launch {} is under way in another program", record.id)))?;
    journal.save(&record)?;
    let (launch, outcome) = drive_to_outcome(record, lock, caller, &journal, ports, printer)?;
    report_outcome(&launch, outcome, &prepared.order.env, ports, printer)
}
