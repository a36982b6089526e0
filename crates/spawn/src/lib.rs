//! spawn: launches instances whose life is bounded, lists them, and ends those that outlived their time.
//!
//! What is decided is decided in `lifecycle`, purely; this room asks, writes down, does, and reads back. It will never
//! know the SDK (the port `Cloud` does), what an instance costs, or what runs on it: without spawnd an instance has
//! the dead-man alone.

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
use fleet::cloud::{Cloud, CloudError};

/// What spawn has to work with.
pub struct Ports<'a> {
    /// EC2.
    pub cloud: &'a dyn Cloud,
    /// The folder in which launches are written down.
    pub journal: &'a Path,
    /// The user's own region.
    pub region: &'a Region,
    /// The machine's clock; only spans are taken from it, AWS says what time it is.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Lets time pass.
    pub wait: &'a dyn Fn(Duration),
    /// Makes an id that nobody had before: letters and digits, at most 40.
    pub new_id: &'a dyn Fn() -> String,
    /// Writer of Parquet and Arrow, for reports.
    pub encode: &'a dyn Encode,
}

/// Runs spawn.
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

/// Why EC2 could not be asked, and what to do.
fn cloud_failure(error: CloudError) -> Failure {
    match error {
        CloudError::Credentials(why) => Failure::broken(why)
            .hint("log in (aws sso login, aws configure), or name a profile with AWS_PROFILE"),
        CloudError::Failed(why) => Failure::broken(why),
    }
}
