//! The collector: the only program that writes the lake.
//!
//! This room is for bringing data in, today from files, and for keeping the lake small. It will never answer a question, and it knows no
//! file format itself: `feeds` does, and the lake for what is read column by column.

mod args;
mod compact;
mod import;
mod prune;
mod tidied;

pub use args::{CollectorArgs, Command};

use catalog::ports::{Encode, Store};
use console::{Exit, Failure, Printer};
use domain::Timestamp;

/// What the collector has to work with.
pub struct Ports<'a> {
    /// The lake.
    pub store: &'a dyn Store,
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
        Command::Import(args) => import::run_import(args, ports, printer, now),
        Command::Compact(args) => compact::run_compact(args, ports, printer, now),
        Command::Prune(args) => prune::run_prune(args, ports, printer, now),
    }?;
    printer.flush()?;
    Ok(done)
}
