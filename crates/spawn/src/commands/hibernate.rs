use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::power::PowerVerb;

use crate::Ports;
use crate::commands::power::{OwnedTargetArgs, run_power};

/// Hibernate instances: memory is kept on disk, and the time left pauses until spawn start.
///
/// An instance can be hibernated only if it was launched with --hibernation. If AWS refuses, the
/// pause is taken back. With --or-stop, an instance that cannot be hibernated is stopped, and its
/// memory is lost.
#[derive(Debug, Args)]
pub struct HibernateArgs {
    #[command(flatten)]
    pub power: OwnedTargetArgs,
    /// Stop the instance where AWS does not hibernate it
    #[arg(long)]
    pub or_stop: bool,
}

pub(crate) fn run_hibernate(
    args: &HibernateArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    run_power(PowerVerb::Hibernate { or_stop: args.or_stop }, &args.power, ports, printer)
}
