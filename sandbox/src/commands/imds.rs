use catalog::{Field, Page, ValueType};
use console::{Failure, Printer, Report};
use serde_json::json;

use crate::commands::instance::InstanceArgs;
use crate::control_client::call_control;
use crate::ports::Ports;

/// Runs `sandbox imds`.
pub(crate) fn run_imds(args: &InstanceArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let found = call_control(&args.url, "imds", Some(&json!({ "instance": args.instance })))?;
    let url = found["url"].as_str().unwrap_or_default();
    let fields = ["instance", "url"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let rows = vec![vec![args.instance.as_str().into(), url.into()]];
    printer.report(&Report::plain(Page { fields, rows }), ports.encode)
}
