//! spawn: launches instances with a limited life, lists them, and ends overdue ones.
//!
//! Decisions are pure functions of `fleet`. This crate reads input, keeps the journal, calls the
//! ports and reads results back. It does not depend on the SDK: the ports of `fleet` hide it. It
//! knows no prices and nothing about the programs on an instance. spawn does not install spawnd, so
//! only the dead-man timer bounds an instance from inside.

mod acknowledge;
mod args;
mod commands;
mod journal;
mod names;
mod owner;
mod ports;
mod power;
mod process;
mod regions;
mod remains;
mod ssh;
mod terms;
#[cfg(test)]
mod tests;

pub use args::{Command, SpawnArgs};
pub use ports::Ports;
pub use process::{ProcessCommand, ProcessOutput, ProcessRunner};

use commands::{extend, hibernate, launch, list, policy, reap, reboot, start, stop, terminate};
use console::{Exit, Failure, Printer};
use domain::Timestamp;

/// Runs a command of spawn. The machine's time, which every program gets, is not used: deadlines
/// are computed from the time that AWS reports.
///
/// # Errors
/// The command failed; the failure has its exit code and hint.
pub fn run(
    args: &SpawnArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    _now: Timestamp,
) -> Result<Exit, Failure> {
    let done = match &args.command {
        Command::Launch(args) => launch::run_launch(args, ports, printer),
        Command::List(args) => list::run_list(args, ports, printer),
        Command::Extend(args) => extend::run_extend(args, ports, printer),
        Command::Stop(args) => stop::run_stop(args, ports, printer),
        Command::Hibernate(args) => hibernate::run_hibernate(args, ports, printer),
        Command::Start(args) => start::run_start(args, ports, printer),
        Command::Reboot(args) => reboot::run_reboot(args, ports, printer),
        Command::Terminate(args) => terminate::run_terminate(args, ports, printer),
        Command::Reap(args) => reap::run_reap(args, ports, printer),
        Command::Policy(args) => policy::run_policy(args, printer),
    };
    printer.flush()?;
    done
}
