use clap::Args;
use console::{Exit, Failure, Printer};
use fleet::power::PowerVerb;

use crate::Ports;
use crate::commands::power::{change_targets, conclude, plan_targets};
use crate::names::TargetArgs;

/// Start stopped or hibernated instances with the time that was left.
///
/// The end becomes the time of AWS's clock after the start, plus the time left. It is written and
/// read back. If there is no capacity, the instance stays stopped and its time left stays paused.
/// A command that was interrupted is finished by the same command.
#[derive(Debug, Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Show the steps, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_start(args: &StartArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut planned = plan_targets(PowerVerb::Start, &args.targets, &[], ports, printer)?;
    change_targets(PowerVerb::Start, &mut planned, args.dry_run, ports, printer)?;
    conclude(PowerVerb::Start, &planned.targets)
}
