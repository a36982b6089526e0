use std::collections::BTreeMap;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report, suggest_closest};
use domain::{InstanceType, Timestamp};
use domain::{format_span, parse_span};
use fleet::instance::InstanceView;
use fleet::launch::{
    LaunchEffect, LaunchEvent, LaunchOutcome, LaunchProgress, LaunchRecord, LaunchRequest, step,
};
use fleet::ports::{CallerAccount, InstanceSelector, RegionInstances};
use jiff::SignedDuration;
use lifecycle::tag::{self, BudgetIntent, ExpiryTag, OnExpiryTag};
use lifecycle::{EndAction, PowerOff, Terms, dead_man};

use crate::journal::LaunchJournal;
use crate::owner::owners;
use crate::ports::cloud_failure;
use crate::{Ports, regions};

/// Launch one instance with a limited life.
///
/// The launch is written to a journal before any request is sent. So a lost answer or a killed
/// program never launches a second instance: --resume continues the first launch. The first boot
/// starts a systemd timer that powers the instance off 15 minutes after its deadline: the grace
/// period of 5 minutes and 10 more. Nothing else bounds the instance from inside, because spawnd is
/// not installed. Outside, spawn reap ends an instance that the timer missed. A launch is reported
/// only after EC2 showed the instance running.
///
/// The instance gets a public address and the security group of the default VPC, without added
/// rules. Its metadata service accepts only sessions (version 2), one hop away. The image needs
/// cloud-init and systemd.
#[derive(Debug, Args)]
pub struct LaunchArgs {
    /// The instance type
    #[arg(value_name = "TYPE", required_unless_present = "resume")]
    pub instance_type: Option<String>,
    /// How long it may run: 90m, 8h, 2d
    #[arg(long, value_name = "SPAN")]
    pub ttl: Option<String>,
    /// The longest life, which no extension can exceed
    #[arg(long, value_name = "SPAN", default_value = "7d")]
    pub cap: String,
    /// Stop or terminate at the deadline; a power-off from inside does the same
    #[arg(long, value_name = "ACTION", default_value = "stop")]
    pub on_expiry: String,
    /// The image, ami-… [default: the newest Amazon Linux 2023 for the type's architecture]
    #[arg(long, value_name = "AMI")]
    pub image: Option<String>,
    /// The name of a key pair in the region
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// The instance's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The region
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Show the launch: requests only read, and nothing is launched or written
    #[arg(long)]
    pub dry_run: bool,
    /// Continue an interrupted launch and report its outcome
    #[arg(long, conflicts_with_all = ["instance_type", "ttl", "dry_run", "anew"])]
    pub resume: bool,
    /// Launch although an earlier launch is not settled; both instances may run
    #[arg(long)]
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
    let wanted = LaunchPlan::read(args, ports)?;
    let caller = ports.account.caller().map_err(cloud_failure)?;
    let launch = wanted.plan(&caller, ports)?;
    printer.relative_to(caller.now);
    if args.dry_run {
        printer.report(&Report::plain(page(&launch, None)), ports.encode)?;
        printer.note("nothing was launched");
        return Ok(Exit::Done);
    }
    let journal = LaunchJournal::open(&ports.journal_folder())?;
    if let Some(open) = journal.open_launches()?.first().filter(|_| !args.anew) {
        return Err(Failure::broken(format!("launch {} of {:.0} is not settled", open.id, open.planned))
            .hint("spawn launch --resume continues it; --anew launches another one"));
    }
    journal.save(&launch)?;
    settle(launch, &caller, &journal, ports, printer)
}

fn resume(ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let journal = LaunchJournal::open(&ports.journal_folder())?;
    let open = journal.open_launches()?;
    if open.is_empty() {
        printer.note("every launch is settled");
        return Ok(Exit::NothingMatched);
    }
    let caller = ports.account.caller().map_err(cloud_failure)?;
    printer.relative_to(caller.now);
    let mut ended = Ok(Exit::Done);
    for launch in open {
        if launch.account != caller.account {
            printer.note(&format!("launch {} is of account {}: skipped", launch.id, launch.account));
            continue;
        }
        let exit = settle(launch, &caller, &journal, ports, printer);
        match exit {
            Ok(Exit::Done) => {}
            other if ended.is_ok() => ended = other,
            Err(failure) => printer.failure(&failure),
            Ok(_) => {}
        }
    }
    ended
}

/// The parsed arguments.
struct LaunchPlan {
    instance_type: InstanceType,
    region: String,
    budget: SignedDuration,
    cap: SignedDuration,
    action: EndAction,
    image: Option<String>,
    key: Option<String>,
    name: Option<String>,
}

/// The most characters of a tag's value, by AWS's tag restrictions.
const LONGEST_TAG_VALUE: usize = 256;

/// Refuses a name that AWS cannot store or that no terminal can show.
fn check_name(name: &str) -> Result<(), Failure> {
    let failure = |problem: &str| {
        Failure::usage(format!("--name {name:?} {problem}")).hint("spawn launch t3.micro --ttl 8h --name try")
    };
    match name.chars().count() {
        0 => Err(failure("is empty")),
        count if count > LONGEST_TAG_VALUE => Err(failure("has more than 256 characters")),
        _ if name.chars().any(char::is_control) => Err(failure("contains a control character")),
        _ => Ok(()),
    }
}

impl LaunchPlan {
    fn read(args: &LaunchArgs, ports: &Ports<'_>) -> Result<LaunchPlan, Failure> {
        let usage = |error: &dyn std::error::Error| Failure::usage(error.to_string());
        let typed = args.instance_type.as_deref().unwrap_or_default().to_lowercase();
        let instance_type = InstanceType::parse(&typed).map_err(|error| usage(&error))?;
        let Some(ttl) = &args.ttl else {
            return Err(Failure::usage("--ttl is required: no instance is launched without a time limit")
                .hint(format!("spawn launch {typed} --ttl 8h")));
        };
        let budget = parse_span(ttl).map_err(|error| usage(&error))?;
        let cap = parse_span(&args.cap).map_err(|error| usage(&error))?;
        if budget > cap {
            let (ttl, cap) = (format_span(budget), format_span(cap));
            return Err(Failure::usage(format!("--ttl {ttl} is longer than --cap {cap}"))
                .hint(format!("add --cap {ttl}, or use a shorter --ttl")));
        }
        let action = match args.on_expiry.as_str() {
            "stop" => EndAction::Stop,
            "terminate" => EndAction::Terminate,
            other => {
                let near = suggest_closest(other, ["stop", "terminate"]);
                return Err(Failure::usage(format!(
                    "--on-expiry \"{other}\" is neither stop nor terminate{near}"
                )));
            }
        };
        if let Some(image) = args.image.as_deref().filter(|image| !image.starts_with("ami-")) {
            return Err(Failure::usage(format!(
                "--image \"{image}\" is not an image id such as ami-0123456789abcdef0"
            )));
        }
        if let Some(name) = &args.name {
            check_name(name)?;
        }
        Ok(LaunchPlan {
            instance_type,
            region: match &args.region {
                Some(region) => console::read_region("--region", region)?,
                None => ports.settings.region.value.to_string(),
            },
            budget,
            cap,
            action,
            image: args.image.clone(),
            key: args.key.clone(),
            name: args.name.clone(),
        })
    }

    fn plan(&self, caller: &CallerAccount, ports: &Ports<'_>) -> Result<LaunchRecord, Failure> {
        regions::choose_regions(std::slice::from_ref(&self.region), caller)?;
        let now = caller.now;
        let image = match &self.image {
            Some(image) => image.clone(),
            None => self.newest_image(ports)?,
        };
        let until = now + self.budget;
        let terms = Terms {
            cap: Some(now + self.cap),
            on_expiry: self.action,
            power_off: if self.action == EndAction::Terminate {
                PowerOff::Terminates
            } else {
                PowerOff::Stops
            },
            ..Terms::with_budget(self.budget)
        };
        let id = (ports.new_id)();
        let on_expiry = OnExpiryTag { action: self.action, grace: terms.grace };
        let mut tags = BTreeMap::from([
            (tag::MANAGED, tag::YES.to_string()),
            (tag::OWNER, owners(ports.settings, caller)[0].clone()),
            (tag::LAUNCH, id.clone()),
            (tag::PLANNED, tag::encode_cap(now)),
            (tag::EXPIRY, ExpiryTag { intent: BudgetIntent::Running(until), generation: 1 }.encode()),
            (tag::CAP, tag::encode_cap(now + self.cap)),
            (tag::ON_EXPIRY, on_expiry.encode()),
        ]);
        tags.extend(self.name.clone().map(|name| ("Name", name)));
        let text = serde_json::to_string(&terms).expect("terms are plain JSON");
        let user_data = dead_man::user_data(self.budget + terms.dead_man_slack(), &text, &id);
        let request = LaunchRequest {
            region: self.region.clone(),
            instance_type: self.instance_type.to_string(),
            image,
            key: self.key.clone(),
            power_off: terms.power_off,
            tags: tags.into_iter().map(|(key, value)| (key.to_string(), value)).collect(),
            user_data,
        };
        Ok(LaunchRecord::new(id, caller.account.clone(), request, now))
    }

    /// Returns the public SSM parameter of the newest Amazon Linux. EC2 resolves it at launch.
    fn newest_image(&self, ports: &Ports<'_>) -> Result<String, Failure> {
        let kind = self.instance_type.as_str();
        let known = ports.instances.architectures(&self.region, kind).map_err(cloud_failure)?;
        let found = ["x86_64", "arm64"].into_iter().find(|word| known.iter().any(|known| known == word));
        let Some(architecture) = found else {
            return Err(
                Failure::usage(format!("there is no Amazon Linux 2023 for {kind}")).hint("add --image ami-…")
            );
        };
        Ok(format!(
            "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{architecture}"
        ))
    }
}

/// Drives a launch to its outcome and reports the instance that was read back.
fn settle(
    launch: LaunchRecord,
    caller: &CallerAccount,
    journal: &LaunchJournal,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let progress = printer.progress(&format!("launching in {}", launch.request.region));
    let begun = (ports.clock)();
    let now = || caller.now + (ports.clock)().duration_since(begun);
    let driven = drive(launch, &now, journal, ports);
    drop(progress);
    let (launch, outcome) = driven?;
    report_outcome(&launch, outcome, ports, printer)
}

/// Carries out the effects of `fleet` in order. When one fails, the later ones are not done.
fn drive(
    launch: LaunchRecord,
    now: &dyn Fn() -> Timestamp,
    journal: &LaunchJournal,
    ports: &Ports<'_>,
) -> Result<(LaunchRecord, LaunchOutcome), Failure> {
    let mut launching = LaunchProgress::new(launch);
    let mut event = LaunchEvent::Begin;
    loop {
        let (next, effects) = step(launching, event, now());
        launching = next;
        let mut heard = None;
        for effect in effects {
            match effect {
                LaunchEffect::Save => journal.save(&launching.launch)?,
                LaunchEffect::Send => {
                    let launch = &launching.launch;
                    heard = Some(LaunchEvent::Reply(
                        ports.instances.launch_once(&launch.request, &launch.token()),
                    ));
                }
                LaunchEffect::Look => {
                    heard = Some(LaunchEvent::Found(query_launch(&launching.launch, ports)))
                }
                LaunchEffect::Wait(span) => {
                    (ports.wait)(span.unsigned_abs());
                    heard = Some(LaunchEvent::Waited);
                }
                LaunchEffect::Tell(outcome) => return Ok((launching.launch, outcome)),
            }
        }
        event = heard.expect("a step without an outcome waits for an event");
    }
}

fn query_launch(launch: &LaunchRecord, ports: &Ports<'_>) -> Result<Vec<InstanceView>, String> {
    let regions = [launch.request.region.clone()];
    let looked: Option<RegionInstances> =
        ports.instances.list_instances(&regions, InstanceSelector::Launch(&launch.id)).into_iter().next();
    looked.map_or_else(|| Err("no region was queried".to_string()), |looked| looked.seen)
}

fn report_outcome(
    launch: &LaunchRecord,
    outcome: LaunchOutcome,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let again = "spawn launch --resume checks again";
    match outcome {
        LaunchOutcome::Running(seen) => {
            printer.report(&Report::plain(page(launch, Some(&seen))), ports.encode)?;
            let differences = launch.request.differences(&seen);
            differences.iter().for_each(|difference| printer.note(difference));
            if !seen.state.runs() {
                let (id, state) = (&seen.id, seen.state.word());
                return Err(Failure::broken(format!("{id} was launched and is {state}{}", reason(&seen))));
            }
            if differences.is_empty() {
                printer.note("spawnd is not installed: the dead-man timer and spawn reap limit its life");
                return Ok(Exit::Done);
            }
            Err(Failure::broken(format!("{} differs from the request", seen.id)).hint(format!(
                "aws ec2 terminate-instances --region {} --instance-ids {}",
                seen.region, seen.id
            )))
        }
        LaunchOutcome::Unread(id, why) => {
            Err(Failure::broken(format!("{id} was launched, but could not be read back: {why}")).hint(again))
        }
        LaunchOutcome::Refused(why) => Err(Failure::broken(format!("nothing was launched: {why}"))),
        LaunchOutcome::Ended(Some(seen)) => {
            let why = reason(&seen);
            Err(Failure::broken(format!("{} ended before it was seen running{why}", seen.id)))
        }
        LaunchOutcome::Ended(None) => {
            Err(Failure::broken(format!("the instance of launch {} is terminated already", launch.id)))
        }
        LaunchOutcome::Nothing => {
            printer.note(&format!("launch {} has no instance, and will get none", launch.id));
            Ok(Exit::NothingMatched)
        }
        LaunchOutcome::Open(why) => {
            Err(Failure::broken(format!("the outcome of the launch is unknown: {why}")).hint(again))
        }
        LaunchOutcome::Several(ids) => {
            Err(Failure::broken(format!("one launch has several instances: {}", ids.join(", ")))
                .hint("this is a bug: check each instance, and please report it"))
        }
    }
}

/// Returns EC2's reason for the state of an instance, as the end of a sentence.
fn reason(seen: &InstanceView) -> String {
    seen.reason.as_ref().map_or(", and EC2 gives no reason".to_string(), |reason| format!(": {reason}"))
}

/// Returns the table of a planned launch, or of the instance that was read back.
fn page(launch: &LaunchRecord, seen: Option<&InstanceView>) -> Page {
    let request = &launch.request;
    let told = |key: &str| match seen {
        Some(seen) => seen.tag(key),
        None => request.tags.get(key).map(String::as_str),
    };
    let until = told(tag::EXPIRY).and_then(|value| match ExpiryTag::decode(value).ok()?.intent {
        BudgetIntent::Running(until) => Some(until),
        BudgetIntent::Paused(_) => None,
    });
    let action = told(tag::ON_EXPIRY).and_then(|value| Some(OnExpiryTag::decode(value).ok()?.action.verb()));
    let kind = seen.map_or(request.instance_type.as_str(), |seen| seen.instance_type.as_str());
    let cells: [(&str, ValueType, Value); 10] = [
        ("instance_id", ValueType::Text, seen.map(|seen| seen.id.as_str()).into()),
        ("state", ValueType::Text, seen.map(|seen| seen.state.word()).into()),
        ("instance_type", ValueType::Text, kind.into()),
        ("region", ValueType::Text, request.region.as_str().into()),
        ("until", ValueType::Timestamp, until.into()),
        ("cap", ValueType::Timestamp, told(tag::CAP).and_then(|value| tag::decode_cap(value).ok()).into()),
        ("on_expiry", ValueType::Text, action.into()),
        ("key", ValueType::Text, request.key.as_deref().into()),
        ("launch_id", ValueType::Text, launch.id.as_str().into()),
        ("image", ValueType::Text, request.image.as_str().into()),
    ];
    let (fields, row) = cells.into_iter().map(|(name, ty, value)| (Field::new(name, ty), value)).unzip();
    Page { fields, rows: vec![row] }
}
