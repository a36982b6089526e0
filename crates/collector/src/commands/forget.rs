use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::import::check_account;
use crate::{Ports, lake_failure, size_report};

/// Delete all data of an account from the lake, for good.
///
/// Deletes its instances, volumes, addresses, requests, reservations, quotas and charges, and its
/// entries in the run log. If another account's bill loses lines, its entry in the run log records
/// that. Public data stays. The exit code is 3 when the lake has no data of the account.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// Account id, 12 digits
    #[arg(long, value_name = "ID")]
    pub account: String,
    /// Show the effect and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_forget(
    args: &ForgetArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(exit) = size_report::exit_without_lake(ports, printer) {
        return Ok(exit);
    }
    check_account(&args.account)?;
    let progress = printer.progress("deleting");
    let done = ports.store.forget(&args.account, now, args.dry_run);
    drop(progress);
    let done = done.map_err(lake_failure)?;
    let nothing = format!("the lake has no data of account {}", args.account);
    let known = size_report::has_changes(&done);
    size_report::report(&done, args.dry_run, &nothing, ports, printer)?;
    Ok(if known { Exit::Done } else { Exit::NothingMatched })
}
