use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::args::{Command, SandboxArgs};
use crate::commands::{calls, clock, env, host_key, imds, interrupt, poweroff, schema, serve};
use crate::ports::Ports;

/// Runs a command of the sandbox. `serve` returns after SIGINT or SIGTERM.
///
/// # Errors
/// The command failed; the failure has its exit code and hint.
pub fn run(
    args: &SandboxArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    match &args.command {
        Command::Serve(args) => serve::run_serve(args, ports, printer, now)?,
        Command::Env(args) => env::run_env(args, printer)?,
        Command::Clock(args) => clock::run_clock(args, ports, printer)?,
        Command::Interrupt(args) => interrupt::run_interrupt(args, printer)?,
        Command::Poweroff(args) => poweroff::run_poweroff(args, printer)?,
        Command::Imds(args) => imds::run_imds(args, ports, printer)?,
        Command::HostKey(args) => host_key::run_host_key(args, printer)?,
        Command::Calls(args) => calls::run_calls(args, ports, printer)?,
        Command::Schema => schema::run_schema(printer)?,
    }
    printer.flush()?;
    Ok(Exit::Done)
}
