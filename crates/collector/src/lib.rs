//! The collector: the only program that writes the lake.
//!
//! This room is for bringing data in, from AWS and from files, and for keeping the lake small. It will never answer a
//! question about the data (what the warehouse holds back is listed here because it is released here), and it knows neither AWS nor a file format itself: the port `Source` and `feeds` do, and the lake for what
//! is read column by column.

mod args;
mod bundle;
mod compact;
mod forget;
mod held;
mod import;
mod policy;
mod prune;
mod snapshot;
mod status;
mod summary;
mod tidied;
mod watch;

pub use args::{CollectorArgs, Command};

use std::path::Path;

use catalog::ports::{Ask, AskError, Encode, Source, SourceError, Stop, Store, StoreError};
use console::{Exit, Failure, Kind, Printer};
use domain::{Region, Timestamp};

/// What the collector has to work with.
pub struct Ports<'a> {
    /// The lake.
    pub store: &'a dyn Store,
    /// Opens the warehouse over what the lake shows now, to hear what it holds back.
    pub open: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
    /// AWS; made when it is needed.
    pub source: &'a dyn Fn() -> Result<Box<dyn Source>, SourceError>,
    /// The folder of the user's own files.
    pub config: &'a Path,
    /// The user's own region.
    pub region: &'a Region,
    /// The machine's clock.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Puts a question to whoever sits at the terminal; none when nobody does.
    pub agree: &'a dyn Fn(&str) -> Option<bool>,
    /// Set when somebody asks to stop.
    pub stop: &'a Stop,
    /// Writer of Parquet and Arrow, for reports.
    pub encode: &'a dyn Encode,
}

/// Runs the collector.
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

/// The words for what a file holds that can be imported, for completions.
pub fn import_kinds() -> Vec<String> {
    import::kind_names()
}

/// The names of the datasets that can be snapshot.
pub fn dataset_names() -> Vec<String> {
    snapshot::known().map(String::from).collect()
}

/// What the lake refused, and what to do.
pub(crate) fn lake_failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match error {
        StoreError::Locked { .. } => Failure::broken(text).hint("wait for the other collector, or stop it"),
        StoreError::Newer { .. } => {
            Failure::new(Kind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        StoreError::Foreign(_) => Failure::new(Kind::Data, text).hint("name an empty folder with --lake"),
        StoreError::BadFile(_) => {
            Failure::new(Kind::Data, text).hint("collector import --help says what is expected")
        }
        StoreError::Io(_) => {
            Failure::broken(text).hint("nothing became visible; the same command can be run again")
        }
    }
}
