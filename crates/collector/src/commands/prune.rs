use catalog::ports::RetentionRule;
use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::lake_failure;
use crate::{Ports, size_report};

/// Delete old data that newer data has replaced.
///
/// The newest complete run of each region stays, and so does every spot price that was still
/// current at the start of the kept period. Answers as of that time or later do not change. Answers
/// about earlier times become unknown, and the run log records that their data was pruned.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Period to keep, such as 90d or 2y, or number of complete runs to keep per region (keeps all
    /// spot prices)
    #[arg(long, value_name = "SPAN|N")]
    pub keep: String,
    /// Show the effect and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_prune(
    args: &PruneArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let keep = parse_keep(&args.keep, now)?;
    if let Some(exit) = size_report::exit_without_lake(ports, printer) {
        return Ok(exit);
    }
    let progress = printer.progress("pruning");
    let done = ports.store.prune(keep, now, args.dry_run);
    drop(progress);
    size_report::report(&done.map_err(lake_failure)?, args.dry_run, "nothing to prune", ports, printer)
}

fn parse_keep(text: &str, now: Timestamp) -> Result<RetentionRule, Failure> {
    let runs = text.parse::<usize>().ok().filter(|runs| *runs > 0).map(RetentionRule::Runs);
    runs.or_else(|| domain::subtract_span(now, text).map(RetentionRule::Since)).ok_or_else(|| {
        Failure::usage(format!(
            "--keep \"{text}\" is neither a span such as 90d nor a number of runs such as 5"
        ))
        .hint("collector prune --keep 90d --dry-run")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_span_or_a_number_of_runs() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let check = |text: &str, expected: Option<RetentionRule>| {
            assert_eq!(parse_keep(text, now).ok(), expected, "{text}")
        };
        check("3", Some(RetentionRule::Runs(3)));
        check("1d", Some(RetentionRule::Since("2026-11-22T00:00:00Z".parse().unwrap())));
        check("1w2d3h4m5s", Some(RetentionRule::Since("2026-11-13T20:55:55Z".parse().unwrap())));
        check("90s", Some(RetentionRule::Since("2026-11-22T23:58:30Z".parse().unwrap())));
        check("1y 6mo", Some(RetentionRule::Since("2025-05-23T00:00:00Z".parse().unwrap())));
        check("0", None);
        check("-1", None);
        check("0d", None);
        check("all", None);
    }
}
