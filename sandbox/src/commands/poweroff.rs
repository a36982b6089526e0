use console::{Failure, Printer};

use crate::commands::instance::{InstanceArgs, post_instance};

/// Runs `sandbox poweroff`.
pub(crate) fn run_poweroff(args: &InstanceArgs, printer: &mut Printer) -> Result<(), Failure> {
    post_instance(args, "poweroff", printer, "was powered off")
}
