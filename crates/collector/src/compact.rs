use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::lake_failure;
use crate::{Ports, tidied};

/// Fold what imports and snapshots brought one by one: spot prices into one file for each family of types.
///
/// No answer changes; questions about one type become faster. Readers are not disturbed.
#[derive(Debug, Args)]
pub struct CompactArgs {
    /// Say what would be folded, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_compact(
    args: &CompactArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let progress = printer.progress("folding");
    let done = ports.store.compact(now, args.dry_run);
    drop(progress);
    tidied::report(&done.map_err(lake_failure)?, args.dry_run, "nothing was left to fold", ports, printer)
}
