use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::lake_failure;
use crate::{Ports, size_report};

/// Merge the small files that snapshots and imports add.
///
/// Spot prices are merged into one file per instance family. Answers stay the same, and questions
/// about one type become faster. Readers are not disturbed.
#[derive(Debug, Args)]
pub struct CompactArgs {
    /// Show the effect and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_compact(
    args: &CompactArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(exit) = size_report::exit_without_lake(ports, printer) {
        return Ok(exit);
    }
    let progress = printer.progress("compacting");
    let done = ports.store.compact(now, args.dry_run);
    drop(progress);
    size_report::report(&done.map_err(lake_failure)?, args.dry_run, "nothing to compact", ports, printer)
}
