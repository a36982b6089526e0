use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::power::PowerVerb;

use crate::Ports;
use crate::commands::power::{OwnedTargetArgs, run_power};

/// Stop instances; their time left pauses until spawn start.
///
/// The time left is first written as paused, then the instance is stopped, and its state is read
/// back until it is stopped, for at most five minutes. If AWS refuses, the pause is taken back. A
/// command that was interrupted is finished by the same command.
///
/// The disks stay and cost money, and the cap does not pause. A one-time spot instance cannot be
/// stopped. Exit code 1 when an instance was not stopped; the others are stopped nevertheless.
#[derive(Debug, Args)]
pub struct StopArgs {
    #[command(flatten)]
    pub power: OwnedTargetArgs,
    /// Do not wait for the operating system, for an instance that hangs; it may lose data
    #[arg(long)]
    pub force: bool,
}

pub(crate) fn run_stop(args: &StopArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    run_power(PowerVerb::Stop { force: args.force }, &args.power, ports, printer)
}
