use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::import::check_account;
use crate::{Ports, lake_failure, tidied};

/// Remove everything that the lake knows of an account, for good.
///
/// Its instances, volumes, addresses, requests, reservations, quotas and charges go, and its lines of the log of runs;
/// a bill of another account that loses lines says so from then on. Public data stays. Exit code 3 when the lake
/// knows nothing of it.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The account's 12 digits
    #[arg(long, value_name = "ID")]
    pub account: String,
    /// Say what would go, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_forget(
    args: &ForgetArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    check_account(&args.account)?;
    let progress = printer.progress("forgetting");
    let done = ports.store.forget(&args.account, now, args.dry_run);
    drop(progress);
    let done = done.map_err(lake_failure)?;
    let nothing = format!("the lake knows nothing of {}", args.account);
    let known = done.datasets.iter().any(|resized| resized.after != Some(resized.before));
    tidied::report(&done, args.dry_run, &nothing, ports, printer)?;
    Ok(if known { Exit::Done } else { Exit::NothingMatched })
}
