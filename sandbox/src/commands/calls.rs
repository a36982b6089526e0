use catalog::{Field, Page, ValueType};
use clap::Args;
use console::{Failure, Printer, Report};
use serde_json::json;

use crate::control_client::call_control;
use crate::ports::Ports;

/// Show how often each call to a service arrived since the start or the last --reset
#[derive(Debug, Args)]
pub struct CallsArgs {
    /// Start the count again after showing it
    #[arg(long)]
    pub reset: bool,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// Runs `sandbox calls`.
pub(crate) fn run_calls(args: &CallsArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let reset = json!({});
    let found = call_control(&args.url, "calls", args.reset.then_some(&reset))?;
    let by_action = found["by_action"].as_object().cloned().unwrap_or_default();
    let rows = by_action
        .iter()
        .map(|(action, count)| vec![action.as_str().into(), count.as_i64().unwrap_or_default().into()]);
    let fields = vec![Field::new("call", ValueType::Text), Field::new("count", ValueType::Int)];
    printer.report(&Report::plain(Page { fields, rows: rows.collect() }), ports.encode)?;
    printer.note(&format!("{} calls, at most {} of them in sequence", found["total"], found["in_sequence"]));
    Ok(())
}
