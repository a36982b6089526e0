use catalog::rows::OnDemandPriceRow;
use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::cost::life_cost;
use fleet::power::PowerVerb;

use crate::Ports;
use crate::commands::power::{OwnedTargetArgs, change_targets, conclude, plan_targets};
use crate::costs::OnDemandPrices;
use crate::listing::money;
use crate::power::{PowerOutcome, PowerTarget};
use crate::remains::report_remains;
use crate::terms::InstanceReading;

/// Terminate instances for good, and list the resources that remain.
///
/// The command asks on the terminal; --yes answers. A spot request is cancelled first, because it
/// could launch another instance. Instances that AWS protects are refused. The state is read back.
/// Then the cost of the running time is printed, by the on-demand price of the local warehouse, and
/// the disks, addresses and images that remain are listed with their monthly cost.
#[derive(Debug, Args)]
pub struct TerminateArgs {
    #[command(flatten)]
    pub power: OwnedTargetArgs,
    /// Terminate without a question
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
}

pub(crate) fn run_terminate(
    args: &TerminateArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let verb = PowerVerb::Terminate;
    let power = &args.power;
    let mut planned = plan_targets(verb, &power.targets, &power.owner, ports, printer)?;
    planned.targets.iter_mut().for_each(|target| target.read_protection(ports));
    if !power.dry_run && !args.yes && !ask(&planned.targets, ports)? {
        printer.note("nothing was terminated");
        return Ok(Exit::Done);
    }
    let before: Vec<InstanceReading> = planned.targets.iter().map(|target| target.reading.clone()).collect();
    change_targets(verb, &mut planned, power.dry_run, ports, printer)?;
    for (ended, before) in planned.targets.iter().zip(&before) {
        if !matches!(ended.outcome, PowerOutcome::Done) {
            continue;
        }
        let seen = &ended.reading.seen;
        report_cost(before, ports, printer);
        report_remains(&seen.region, &seen.id, &ended.remains, printer);
    }
    conclude(verb, &planned.targets)
}

/// Prints the cost of the running time of an instance, as it was before its end.
fn report_cost(before: &InstanceReading, ports: &Ports<'_>, printer: &mut Printer) {
    let InstanceReading { seen, now } = before;
    let prices = OnDemandPrices::read(&[seen], ports, printer, *now);
    let cost = |price: &OnDemandPriceRow| {
        let cost = life_cost(seen, price.price_per_hour, None, *now)?;
        let least = if cost.is_complete { "" } else { "at least " };
        Some(format!("{least}{}", money(cost.so_far, &price.currency)))
    };
    if let Some(cost) = prices.of(seen).and_then(cost) {
        printer.note(&format!("{} has cost {cost} for its running time", seen.id));
    }
}

/// Asks on the terminal. Refused instances are not part of the question.
fn ask(targets: &[PowerTarget], ports: &Ports<'_>) -> Result<bool, Failure> {
    let ends: Vec<&PowerTarget> = targets.iter().filter(|target| target.plan.is_some()).collect();
    if ends.is_empty() {
        return Ok(true);
    }
    let one = |target: &&PowerTarget| {
        let seen = &target.reading.seen;
        format!("{} ({}, {} in {})", target.name(), seen.id, seen.instance_type, seen.region)
    };
    let list: Vec<String> = ends.iter().map(one).collect();
    let ids: Vec<&str> = ends.iter().map(|target| target.reading.seen.id.as_str()).collect();
    (ports.agree)(&format!("terminate {}?", list.join(", "))).ok_or_else(|| {
        Failure::usage("there is no terminal for the question whether to terminate")
            .hint(format!("spawn terminate {} --yes", ids.join(" ")))
    })
}
