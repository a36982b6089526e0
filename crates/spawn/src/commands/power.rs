//! The common part of the commands stop, hibernate, start, reboot and terminate.

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::format_span;
use fleet::bound::LaunchIndex;
use fleet::ports::CallerAccount;
use fleet::power::PowerVerb;

use crate::instance_traces::{remove_traces, write_traces};
use crate::names::{FoundTargets, TargetArgs, find_targets};
use crate::owner::owners;
use crate::power::{PowerOutcome, PowerTarget, carry_out};
use crate::terms::{InstanceReading, end_of_running, time_left};
use crate::{Ports, names_cache};

/// The instances to change, and their owners.
#[derive(Debug, Args)]
pub struct OwnedTargetArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Owners of the instances, by their tag [default: the setting owner, and you]
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    pub owner: Vec<String>,
    /// Show the steps, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Columns of the table without --columns.
const DEFAULT_COLUMNS: &[&str] =
    &["instance_id", "name", "region", "action", "outcome", "state", "time_left", "why"];

/// The instances to change, and the caller that changes them.
pub(crate) struct PowerTargets {
    pub(crate) caller: CallerAccount,
    pub(crate) targets: Vec<PowerTarget>,
}

/// Finds the instances and plans their changes.
pub(crate) fn plan_targets(
    verb: PowerVerb,
    targets: &TargetArgs,
    owner: &[String],
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<PowerTargets, Failure> {
    let progress = printer.progress("querying all regions");
    let FoundTargets { caller, scan, instances } = find_targets(&targets.names, &targets.region, ports)?;
    drop(progress);
    printer.relative_to(scan.at);
    let own = if owner.is_empty() { owners(ports.settings, &caller) } else { owner.to_vec() };
    let launches = LaunchIndex::new(&scan.seen);
    let target = |seen| PowerTarget::new(InstanceReading { seen, now: scan.at }, &launches, verb, &own);
    let targets = instances.into_iter().map(target).collect();
    Ok(PowerTargets { caller, targets })
}

/// Runs a command that changes the power of instances and has no other steps.
pub(crate) fn run_power(
    verb: PowerVerb,
    args: &OwnedTargetArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut planned = plan_targets(verb, &args.targets, &args.owner, ports, printer)?;
    change_targets(verb, &mut planned, args.dry_run, ports, printer)?;
    conclude(verb, &planned.targets)
}

/// Carries out the planned changes, or shows them in a dry run, and reports each instance.
pub(crate) fn change_targets(
    verb: PowerVerb,
    planned: &mut PowerTargets,
    dry_run: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let PowerTargets { caller, targets } = planned;
    for target in targets.iter() {
        let notes = target.plan.iter().flat_map(|plan| &plan.notes);
        notes.for_each(|note| printer.note(&format!("{}: {note}", target.name())));
    }
    if !dry_run {
        let progress = printer.progress(&format!("waiting until the instances {}", awaited(verb)));
        carry_out(targets, verb, ports);
        drop(progress);
        update_traces(verb, targets, caller, ports, printer);
    }
    let newest = targets.iter().map(|target| target.reading.now).max();
    newest.into_iter().for_each(|now| printer.relative_to(now));
    printer.report(&report(verb, targets), ports.encode)?;
    if dry_run {
        printer.note("nothing was changed");
    }
    Ok(())
}

/// Updates the traces on this machine of the instances that were changed.
fn update_traces(
    verb: PowerVerb,
    targets: &[PowerTarget],
    caller: &CallerAccount,
    ports: &Ports<'_>,
    printer: &mut Printer,
) {
    for target in targets.iter().filter(|target| matches!(target.outcome, PowerOutcome::Done)) {
        let InstanceReading { seen, now } = &target.reading;
        match verb {
            PowerVerb::Start => {
                write_traces(seen, caller, *now, ports, printer);
            }
            PowerVerb::Terminate => remove_traces(seen, caller, *now, ports, printer),
            PowerVerb::Stop { .. } | PowerVerb::Hibernate { .. } | PowerVerb::Reboot => {
                names_cache::update(seen, &caller.account, *now, ports);
            }
        }
    }
}

fn awaited(verb: PowerVerb) -> &'static str {
    match verb {
        PowerVerb::Stop { .. } | PowerVerb::Hibernate { .. } => "are stopped",
        PowerVerb::Start | PowerVerb::Reboot => "run",
        PowerVerb::Terminate => "are terminated",
    }
}

/// Returns the failure of the command if an instance was not changed. Hints name instances by their
/// id: a name is foreign text, and a hint is typed into a shell.
pub(crate) fn conclude(verb: PowerVerb, targets: &[PowerTarget]) -> Result<Exit, Failure> {
    let mut failures = targets.iter().filter_map(|target| {
        let id = &target.reading.seen.id;
        let hint = match &target.outcome {
            PowerOutcome::Refused(refusal) => refusal.hint(verb, id),
            PowerOutcome::Failed(_) | PowerOutcome::Sent(_) => Some(format!("spawn {} {id}", verb.word())),
            PowerOutcome::Planned | PowerOutcome::Done => return None,
        };
        Some((format!("{} {id}: {}", verb.word(), why(target)), hint))
    });
    let Some((first, hint)) = failures.next() else { return Ok(Exit::Done) };
    let message = match failures.count() {
        0 if targets.len() == 1 => first,
        more => format!("{} of {} failed; {first}", more + 1, targets.len()),
    };
    let failure = Failure::broken(message);
    Err(match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

fn why(target: &PowerTarget) -> String {
    match &target.outcome {
        PowerOutcome::Refused(refusal) => refusal.sentence(),
        PowerOutcome::Failed(why) => why.clone(),
        PowerOutcome::Planned | PowerOutcome::Sent(_) | PowerOutcome::Done => String::new(),
    }
}

fn report(verb: PowerVerb, targets: &[PowerTarget]) -> Report {
    let fields = [
        ("instance_id", ValueType::Text),
        ("name", ValueType::Text),
        ("region", ValueType::Text),
        ("action", ValueType::Text),
        ("outcome", ValueType::Text),
        ("state", ValueType::Text),
        ("time_left", ValueType::Text),
        ("why", ValueType::Text),
        ("until", ValueType::Timestamp),
    ];
    let fields = fields.into_iter().map(|(name, ty)| Field::new(name, ty)).collect();
    let rows = targets.iter().map(|target| row(verb, target)).collect();
    Report::plain(Page { fields, rows }).default_columns(DEFAULT_COLUMNS)
}

fn row(verb: PowerVerb, target: &PowerTarget) -> Vec<Value> {
    let seen = &target.reading.seen;
    let outcome = match &target.outcome {
        PowerOutcome::Planned => "planned",
        PowerOutcome::Refused(_) => "refused",
        PowerOutcome::Done => "done",
        PowerOutcome::Sent(_) | PowerOutcome::Failed(_) => "failed",
    };
    vec![
        seen.id.as_str().into(),
        seen.name().into(),
        seen.region.as_str().into(),
        verb.word().into(),
        outcome.into(),
        seen.state.word().into(),
        time_left(&target.reading).map(format_span).into(),
        Some(why(target)).filter(|why| !why.is_empty()).into(),
        end_of_running(&target.reading).into(),
    ]
}
