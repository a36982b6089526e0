use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::power::PowerVerb;

use crate::Ports;
use crate::commands::power::{OwnedTargetArgs, run_power};

/// Restart the operating system of instances; the deadline stays.
///
/// EC2 shows no state for a reboot: success means that it accepted the request and that the
/// instance runs.
#[derive(Debug, Args)]
pub struct RebootArgs {
    #[command(flatten)]
    pub power: OwnedTargetArgs,
}

pub(crate) fn run_reboot(
    args: &RebootArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    run_power(PowerVerb::Reboot, &args.power, ports, printer)
}
