use std::time::Duration;

use clap::Args;
use console::{Exit, Failure, Kind, Printer};
use domain::Timestamp;

use crate::Ports;
use crate::snapshot::{PAID, SnapshotArgs, run_snapshot};

/// How often somebody's wish to stop is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Snapshot again and again, until Ctrl-C or SIGTERM.
///
/// A round that fails is said, and the next one is tried. A round that takes longer than --every is followed by the
/// next one at once. The other words are those of collector snapshot; what costs money costs it in every round, and is
/// watched only with --yes.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// From the beginning of a round to that of the next, such as 15m, 1h or 1d
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    pub every: String,
    #[command(flatten)]
    pub snapshot: SnapshotArgs,
}

pub(crate) fn run_watch(args: &WatchArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let asked = &args.snapshot;
    if let Some(paid) = asked.datasets.iter().find(|name| PAID.contains(&name.as_str()))
        && !asked.yes
        && !asked.dry_run
    {
        return Err(Failure::usage(format!("{paid} costs money in every round, and nobody agreed to that"))
            .hint("add --yes, or ask for it with collector snapshot"));
    }
    loop {
        let started = (ports.clock)();
        let next = next(started, &args.every)?;
        match run_snapshot(&args.snapshot, ports, printer, started) {
            Ok(exit) if args.snapshot.dry_run => return Ok(exit),
            Ok(_) => printer.flush()?,
            Err(failure) if failure.kind == Kind::Broken => printer.failure(&failure),
            Err(failure) if failure.kind == Kind::Interrupted => return Ok(Exit::Done),
            Err(failure) => return Err(failure),
        }
        while (ports.clock)() < next {
            if ports.stop.asked() {
                return Ok(Exit::Done);
            }
            std::thread::sleep(GLANCE);
        }
    }
}

/// When the next round begins. A round begins a span after the one before, as that span before it the other did.
fn next(started: Timestamp, every: &str) -> Result<Timestamp, Failure> {
    let before = domain::before(started, every).ok_or_else(|| {
        Failure::usage(format!("--every is \"{every}\"; expected a span such as 15m or 1h"))
            .hint("collector watch --every 1h")
    })?;
    started.checked_add(started.duration_since(before)).map_err(|_| {
        Failure::usage(format!("--every is \"{every}\", which is longer than time"))
            .hint("collector watch --every 1h")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_a_span_apart() {
        let started: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let check = |every: &str, expected: Option<&str>| {
            assert_eq!(next(started, every).ok().map(|at| at.to_string()).as_deref(), expected, "{every}");
        };
        check("15m", Some("2026-11-23T10:15:00Z"));
        check("1d", Some("2026-11-24T10:00:00Z"));
        check("0h", None);
        check("often", None);
    }
}
