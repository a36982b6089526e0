//! spawn: launches instances with a limited life, lists them, and ends overdue ones.
//!
//! Decisions are pure functions of `lifecycle`. This crate reads input, keeps the journal, calls
//! the ports and reads results back. It does not depend on the SDK: the ports of `fleet` hide it. It
//! knows no prices and nothing about the programs on an instance. spawn does not install spawnd, so
//! only the dead-man timer bounds an instance from inside.

mod args;
mod journal;
mod launch;
mod list;
mod policy;
mod reap;
mod regions;
#[cfg(test)]
mod tests;

pub use args::{Command, SpawnArgs};

use std::path::Path;
use std::time::Duration;

use catalog::ports::Encode;
use console::{Exit, Failure, Printer};
use domain::{Region, Timestamp};
use fleet::ports::{Account, FleetError, Instances};

/// The ports of spawn.
pub struct Ports<'a> {
    /// The caller's account.
    pub account: &'a dyn Account,
    /// EC2's instances.
    pub instances: &'a dyn Instances,
    /// The folder of the launch journal.
    pub journal: &'a Path,
    /// The default region.
    pub region: &'a Region,
    /// The machine's clock, used only for durations. The current time comes from AWS.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Sleeps for a duration.
    pub wait: &'a dyn Fn(Duration),
    /// Returns a new unique id: letters and digits, at most 40.
    pub new_id: &'a dyn Fn() -> String,
    /// Encoder of Parquet and Arrow, for reports.
    pub encode: &'a dyn Encode,
}

/// Runs a command of spawn.
///
/// Errors: the command failed; the failure has its exit code and hint.
pub fn run(args: &SpawnArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let done = match &args.command {
        Command::Launch(args) => launch::run_launch(args, ports, printer),
        Command::List(args) => list::run_list(args, ports, printer),
        Command::Reap(args) => reap::run_reap(args, ports, printer),
        Command::Policy(args) => policy::run_policy(args, printer),
    };
    printer.flush()?;
    done
}

/// Converts an error of EC2 to a failure with a hint.
fn cloud_failure(error: FleetError) -> Failure {
    match error {
        FleetError::Credentials(why) => Failure::broken(why)
            .hint("log in (aws sso login, aws configure), or name a profile with AWS_PROFILE"),
        FleetError::Failed(why) => Failure::broken(why),
    }
}
