//! The collector: the only program that writes the lake.
//!
//! The crate collects data from AWS and from files, and it compacts, prunes and bundles the lake.
//! It answers no questions about the data, with one exception: it lists the quarantined prices,
//! because it releases them. It contains no AWS code and no file format. AWS is behind the port
//! `Source`, formats are in the crate `feeds`, and the lake reads columnar files itself.

#![allow(clippy::disallowed_methods, reason = "it imports files, and watches by waiting")]

mod alerts;
mod args;
mod bundle;
mod commands;
mod import;
mod ports;
mod quarantine;
#[cfg(test)]
mod run_tests;
mod size_report;
mod snapshot;
mod summary;
mod verification;

pub use alerts::{DeliveryTarget, NamedTarget, OutgoingAlert};
pub use args::{CollectorArgs, Command};
pub use ports::{Deliver, Ports, ReopenWarehouse};

use commands::{
    bundle as bundle_command, compact, drop as drop_command, forget, notify, policy, prune, status, watch,
};
use console::{Exit, Failure, Printer};
use domain::Timestamp;
pub(crate) use ports::lake_failure;

/// Runs one command and flushes the printer. Returns the exit code, or the failure to print.
pub fn run(
    args: &CollectorArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    printer.relative_to(now);
    let done = match &args.command {
        Command::Snapshot(args) => snapshot::run_snapshot(args, ports, printer, now),
        Command::Watch(args) => watch::run_watch(args, ports, printer),
        Command::Import(args) => import::run_import(args, ports, printer, now),
        Command::Status(args) => status::run_status(args, ports, printer, now),
        Command::Policy(args) => policy::run_policy(args, ports, printer),
        Command::Compact(args) => compact::run_compact(args, ports, printer, now),
        Command::Prune(args) => prune::run_prune(args, ports, printer, now),
        Command::Bundle(args) => bundle_command::run_bundle(args, ports, printer, now),
        Command::Forget(args) => forget::run_forget(args, ports, printer, now),
        Command::Drop(args) => drop_command::run_drop(args, ports, printer, now),
        Command::Notify(args) => notify::run_notify(args, ports, printer),
    }?;
    printer.flush()?;
    Ok(done)
}

/// Returns the names of the file kinds that can be imported, for shell completion.
pub fn import_kinds() -> Vec<String> {
    import::kind_names()
}

/// Returns the names of the datasets that `collector snapshot` accepts.
pub fn dataset_names() -> Vec<String> {
    catalog::collectable_datasets().iter().map(|dataset| dataset.name.to_string()).collect()
}
