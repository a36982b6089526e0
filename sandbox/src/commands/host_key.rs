use console::{Failure, Printer};
use serde_json::json;

use crate::commands::instance::InstanceArgs;
use crate::control_client::call_control;

/// Runs `sandbox host-key`.
pub(crate) fn run_host_key(args: &InstanceArgs, printer: &mut Printer) -> Result<(), Failure> {
    let found = call_control(&args.url, "host-key", Some(&json!({ "instance": args.instance })))?;
    printer.text(found["private_key"].as_str().unwrap_or_default())
}
