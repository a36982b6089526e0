use catalog::ports::Keep;
use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::lake_failure;
use crate::{Ports, tidied};

/// Remove old data that newer data has replaced.
///
/// The newest complete run of each region stays, and so does every spot price that still held when the kept time
/// begins: answers as of that instant or later do not change. Earlier ones are then unknown, and the log of runs
/// says that what it knew was pruned.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// What is kept: a span such as 90d or 2y, or a number of complete runs of each region (spot prices stay then)
    #[arg(long, value_name = "SPAN|N")]
    pub keep: String,
    /// Say what would go, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_prune(
    args: &PruneArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let keep = keep(&args.keep, now)?;
    let progress = printer.progress("pruning");
    let done = ports.store.prune(keep, now, args.dry_run);
    drop(progress);
    tidied::report(
        &done.map_err(lake_failure)?,
        args.dry_run,
        "nothing is older than what is kept",
        ports,
        printer,
    )
}

fn keep(text: &str, now: Timestamp) -> Result<Keep, Failure> {
    let runs = text.parse::<usize>().ok().filter(|runs| *runs > 0).map(Keep::Runs);
    runs.or_else(|| domain::before(now, text).map(Keep::Since)).ok_or_else(|| {
        Failure::usage(format!(
            "\"{text}\" is neither a span such as 90d nor a number of runs such as 5 that could be kept"
        ))
        .hint("collector prune --keep 90d --dry-run")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_a_span_or_a_number() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<Keep>| assert_eq!(keep(text, now).ok(), expected, "{text}");
        check("3", Some(Keep::Runs(3)));
        check("1d", Some(Keep::Since("2026-11-22T00:00:00Z".parse().unwrap())));
        check("0", None);
        check("-1", None);
        check("0d", None);
        check("all", None);
    }
}
