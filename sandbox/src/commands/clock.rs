use catalog::{Field, Page, ValueType};
use clap::Args;
use console::{Failure, Printer, Report};
use serde_json::json;

use crate::control_client::call_control;
use crate::ports::Ports;

/// Show the sandbox's clock, or move it forward: +10h, +90s, or an instant
#[derive(Debug, Args)]
pub struct ClockArgs {
    /// Distance, such as +2h30m, or target, such as 2027-01-31T12:00:00Z
    #[arg(allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// Runs `sandbox clock`.
pub(crate) fn run_clock(args: &ClockArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<(), Failure> {
    let body = match &args.to {
        None => None,
        Some(text) => Some(match text.strip_prefix('+') {
            Some(span) => {
                let span = domain::parse_span(span).map_err(|error| {
                    Failure::usage(error.to_string()).hint("mycelium sandbox clock +2h30m")
                })?;
                json!({ "forward_seconds": span.as_secs() })
            }
            None if domain::parse_instant(text).is_some() => json!({ "until": text }),
            None => {
                return Err(Failure::usage(format!("\"{text}\" is neither a span nor an instant"))
                    .hint("mycelium sandbox clock +10h, or mycelium sandbox clock 2027-01-31T12:00:00Z"));
            }
        }),
    };
    let found = call_control(&args.url, "clock", body.as_ref())?;
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_string();
    let fields = ["now", "real", "frozen"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row = vec![text("now").into(), text("real").into(), found["frozen"].to_string().into()];
    printer.report(&Report::plain(Page { fields, rows: vec![row] }), ports.encode)
}
