use console::{Failure, Printer};

use crate::commands::instance::{InstanceArgs, post_instance};

/// Runs `sandbox interrupt`.
pub(crate) fn run_interrupt(args: &InstanceArgs, printer: &mut Printer) -> Result<(), Failure> {
    post_instance(args, "interrupt", printer, "received its interruption notice")
}
