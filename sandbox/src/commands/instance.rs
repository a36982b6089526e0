//! The argument of the commands about one instance, and their request to the sandbox.

use clap::Args;
use console::{Failure, Printer};
use serde_json::json;

use crate::control_client::call_control;

/// An instance of the sandbox
#[derive(Debug, Args)]
pub struct InstanceArgs {
    /// Id of the instance
    pub instance: String,
    /// Address of the sandbox
    #[arg(long, default_value = "http://127.0.0.1:4580")]
    pub url: String,
}

/// Posts the instance to a path of the control API, and notes the effect.
pub(crate) fn post_instance(
    args: &InstanceArgs,
    path: &str,
    printer: &mut Printer,
    done: &str,
) -> Result<(), Failure> {
    call_control(&args.url, path, Some(&json!({ "instance": args.instance })))?;
    printer.note(&format!("{} {done}", args.instance));
    Ok(())
}
