//! spawn: launches instances with a limited life, lists them, and ends overdue ones.
//!
//! Decisions are pure functions of `fleet`. This crate reads input, keeps the journal, calls the
//! ports and reads results back. It does not depend on the SDK: the ports of `fleet` hide it. It
//! reads prices from the local warehouse, and knows nothing about the programs on an instance
//! except spawnd, which a launch delivers.

mod account_cache;
mod acknowledge;
mod args;
mod commands;
mod costs;
mod delivery;
pub mod fuzz_entry;
mod instance_traces;
mod journal;
mod launcher;
mod listing;
mod names;
mod names_cache;
mod open_ports;
mod owner;
mod ports;
mod power;
mod prices;
mod process;
mod provision;
mod regions;
mod remains;
mod settings;
mod ssh;
mod terms;
#[cfg(test)]
mod tests;

pub use args::{Command, SpawnArgs};
pub use names_cache::{NameCandidate, cached_names};
pub use ports::{Ports, RelayPort};
pub use process::{ProcessCommand, ProcessOutput, ProcessRunner};
pub use settings::{SpawnSources, profile_names};
pub use ssh::{SessionArgs, SessionVia};

use commands::{
    cleanup, config, connect, deliver, doctor, extend, hibernate, launch, list, logs, policy, proxy, reap,
    reboot, ssh_config, start, status, stop, terminate,
};
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
        Command::Deliver(args) => deliver::run_deliver(args, ports, printer),
        Command::Doctor(args) => doctor::run_doctor(args, ports, printer),
        Command::List(args) => list::run_list(args, ports, printer),
        Command::Status(args) => status::run_status(args, ports, printer),
        Command::Connect(args) => connect::run_connect(args, ports, printer),
        Command::SshConfig(args) => ssh_config::run_ssh_config(args, ports, printer),
        Command::Proxy(args) => proxy::run_proxy(args, ports, printer),
        Command::Logs(args) => logs::run_logs(args, ports, printer),
        Command::Extend(args) => extend::run_extend(args, ports, printer),
        Command::Stop(args) => stop::run_stop(args, ports, printer),
        Command::Hibernate(args) => hibernate::run_hibernate(args, ports, printer),
        Command::Start(args) => start::run_start(args, ports, printer),
        Command::Reboot(args) => reboot::run_reboot(args, ports, printer),
        Command::Terminate(args) => terminate::run_terminate(args, ports, printer),
        Command::Reap(args) => reap::run_reap(args, ports, printer),
        Command::Cleanup(args) => cleanup::run_cleanup(args, ports, printer),
        Command::Policy(args) => policy::run_policy(args, printer),
        Command::Config(args) => config::run_config(args, ports, printer),
    };
    printer.flush()?;
    done
}
