use std::time::Duration;

use catalog::DatasetCost;
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer};
use domain::Timestamp;

use crate::Ports;
use crate::snapshot::args::SnapshotArgs;
use crate::snapshot::run_snapshot;

/// Time between two checks of the stop flag.
const GLANCE: Duration = Duration::from_millis(200);

/// Repeat snapshots until Ctrl-C or SIGTERM.
///
/// A failed round is reported, and the next round starts as planned. If a round takes longer than
/// --every, the next one starts at once. All other options are those of collector snapshot.
/// Datasets that cost money are paid for in every round and need --yes.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Time from the start of one round to the start of the next, such as 15m, 1h or 1d
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    pub every: String,
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

pub(crate) fn run_watch(args: &WatchArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let asked = &args.snapshot;
    if let Some(paid) = asked.datasets.iter().find(|name| is_paid(name))
        && !asked.yes
        && !asked.dry_run
    {
        return Err(Failure::usage(format!("{paid} costs money in every round and needs --yes"))
            .hint("add --yes, or collect it once with collector snapshot"));
    }
    loop {
        let started = (ports.clock)();
        let next = next_round(started, &args.every)?;
        match run_snapshot(&args.snapshot, ports, printer, started) {
            Ok(exit) if args.snapshot.dry_run => return Ok(exit),
            Ok(_) => printer.flush()?,
            Err(failure) if failure.kind == FailureKind::Broken => printer.failure(&failure),
            Err(failure) if failure.kind == FailureKind::Interrupted => return Ok(Exit::Done),
            Err(failure) => return Err(failure),
        }
        while (ports.clock)() < next {
            if ports.stop.is_requested() {
                return Ok(Exit::Done);
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// Returns whether a dataset costs money.
fn is_paid(name: &str) -> bool {
    catalog::dataset(name).is_some_and(|dataset| dataset.origin.cost != DatasetCost::Free)
}

/// Returns the start of the next round: `started` plus `every`.
fn next_round(started: Timestamp, every: &str) -> Result<Timestamp, Failure> {
    let span = domain::parse_span(every).map_err(|_| {
        Failure::usage(format!("--every \"{every}\" is not a span; expected one such as 15m or 1h"))
            .hint("collector watch --every 1h")
    })?;
    Ok(domain::later(started, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_rounds_one_span_apart() {
        let started: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let check = |every: &str, expected: Option<&str>| {
            assert_eq!(
                next_round(started, every).ok().map(|at| at.to_string()).as_deref(),
                expected,
                "{every}"
            );
        };
        check("15m", Some("2026-11-23T10:15:00Z"));
        check("1d", Some("2026-11-24T10:00:00Z"));
        check("1h30m", Some("2026-11-23T11:30:00Z"));
        check("90s", Some("2026-11-23T10:01:30Z"));
        check("0h", None);
        check("often", None);
    }
}
