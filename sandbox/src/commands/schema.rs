use console::{Failure, Printer};

use crate::scenario::Scenario;

/// Runs `sandbox schema`.
pub(crate) fn run_schema(printer: &mut Printer) -> Result<(), Failure> {
    printer.text(&Scenario::schema())
}
