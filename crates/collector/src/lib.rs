//! The collector: the only program that writes the lake.
//!
//! The crate collects data from AWS and from files, and it compacts, prunes and bundles the lake.
//! It answers no questions about the data, with one exception: it lists the quarantined prices,
//! because it releases them. It contains no AWS code and no file format. AWS is behind the port
//! `Source`, formats are in the crate `feeds`, and the lake reads columnar files itself.

mod args;
mod bundle;
mod compact;
mod forget;
mod import;
mod policy;
mod prune;
mod quarantine;
mod size_report;
mod snapshot;
mod status;
mod summary;
mod watch;

pub use args::{CollectorArgs, Command};

use std::path::Path;

use catalog::ports::{Ask, AskError, Encode, Source, SourceError, StopFlag, Store, StoreError};
use console::{Exit, Failure, FailureKind, Printer};
use domain::{Region, Timestamp};

/// Ports of the collector to the outside.
pub struct Ports<'a> {
    /// The lake.
    pub store: &'a dyn Store,
    /// Opens the warehouse over the current manifest, to query the quarantined prices.
    pub open: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
    /// Connects to AWS; called only when a command needs it.
    pub source: &'a dyn Fn() -> Result<Box<dyn Source>, SourceError>,
    /// The user's configuration folder.
    pub config: &'a Path,
    /// The user's default region.
    pub region: &'a Region,
    /// Returns the present time of this machine.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Asks the user a yes-or-no question; returns `None` without a terminal.
    pub agree: &'a dyn Fn(&str) -> Option<bool>,
    /// Set when the program is asked to stop.
    pub stop: &'a StopFlag,
    /// Writes reports as Parquet and Arrow.
    pub encode: &'a dyn Encode,
}

/// Runs one command and flushes the printer. Returns the exit code, or the failure to print.
pub fn run(
    args: &CollectorArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let done = match &args.command {
        Command::Snapshot(args) => snapshot::run_snapshot(args, ports, printer, now),
        Command::Watch(args) => watch::run_watch(args, ports, printer),
        Command::Import(args) => import::run_import(args, ports, printer, now),
        Command::Status(args) => status::run_status(args, ports, printer, now),
        Command::Policy(args) => policy::run_policy(args, ports, printer),
        Command::Compact(args) => compact::run_compact(args, ports, printer, now),
        Command::Prune(args) => prune::run_prune(args, ports, printer, now),
        Command::Bundle(args) => bundle::run_bundle(args, ports, printer, now),
        Command::Forget(args) => forget::run_forget(args, ports, printer, now),
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

/// Converts an error of the lake into a failure with a hint.
pub(crate) fn lake_failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match error {
        StoreError::Locked { .. } => Failure::broken(text).hint("wait for the other collector, or stop it"),
        StoreError::Newer { .. } => {
            Failure::new(FailureKind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        StoreError::Foreign(_) => {
            Failure::new(FailureKind::Data, text).hint("name an empty folder with --lake")
        }
        StoreError::BadFile(_) => {
            Failure::new(FailureKind::Data, text).hint("see collector import --help for the expected files")
        }
        StoreError::Io(_) => {
            Failure::broken(text).hint("the failed run added nothing to the lake; run the same command again")
        }
    }
}
