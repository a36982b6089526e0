use clap::Args;
use console::{Exit, Failure, Printer};

use crate::{CompletionShell, Ports};

/// Print a shell completion script
///
/// The script completes commands, flags, instance types, regions, columns and saved searches.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell to print the script for
    pub shell: CompletionShell,
}

/// Runs `truffle completions`.
pub fn run_completions(
    args: &CompletionsArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    (ports.completions)(args.shell, &mut script).map_err(|e| Failure::broken(e.to_string()))?;
    printer.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
