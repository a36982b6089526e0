use console::{Exit, Failure, Printer};
use fleet::ports::CallerAccount;

use crate::journal::LaunchJournal;
use crate::launcher::args::LaunchArgs;
use crate::launcher::input::read_row;
use crate::launcher::order::LaunchOrder;
use crate::launcher::plan_file::{self, LaunchPlanFile};
use crate::launcher::prepared::PreparedLaunch;
use crate::launcher::report::launch_report;
use crate::launcher::settle::{drive_to_outcome, report_outcome, resume};
use crate::launcher::wizard::ask_for_launch;
use crate::ports::cloud_failure_in;
use crate::provision::ensure;
use crate::{Ports, names_cache, regions};

pub(crate) fn run_launch(
    args: &LaunchArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if args.resume {
        return resume(ports, printer);
    }
    let mut args = args.clone();
    let is_wizard = args == LaunchArgs::default() && ask_for_launch(&mut args, ports)?;
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
    let caller = regions::read_caller_in(&order.choices.region, ports)?;
    printer.relative_to(caller.now);
    let prepared = PreparedLaunch::prepare(order, &caller, ports)?;
    if let Some(name) = &prepared.order.choices.name {
        for other in names_cache::same_name(name, &caller.account, caller.now, ports) {
            printer.note(&format!("{other} has the name {name} too: later commands need the ids"));
        }
    }
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
    let found = ensure(&prepared.provisions, caller, ports, &mut notes)?;
    notes.iter().for_each(|note| printer.note(note));
    prepared.use_provisions(found);
    prepared.delivery.carry_out(ports)?;
    let record = prepared.record;
    let lock = journal
        .lock(&record.id)?
        .ok_or_else(|| Failure::broken(format!("launch {} is under way in another program", record.id)))?;
    journal.save(&record)?;
    let (launch, outcome) = drive_to_outcome(record, lock, caller, &journal, ports, printer)?;
    report_outcome(&launch, outcome, &prepared.order.env, caller, ports, printer)
}
