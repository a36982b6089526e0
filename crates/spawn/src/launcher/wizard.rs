//! The questions of `spawn launch` without arguments, on a terminal.

use console::Failure;

use crate::Ports;
use crate::launcher::args::LaunchArgs;
use crate::launcher::order::resolve_settings;

/// Asks for the instance type, the running time and the name. An empty answer takes the setting, or
/// the default in brackets. Returns false without a terminal: the settings are the answers.
///
/// # Errors
/// A settings file is invalid.
pub(crate) fn ask_for_launch(args: &mut LaunchArgs, ports: &Ports<'_>) -> Result<bool, Failure> {
    let settings = resolve_settings(args, ports)?;
    let ask = |question: &str, default: Option<String>| -> Option<Option<String>> {
        let shown = default.as_deref().map_or(String::new(), |default| format!(" [{default}]"));
        let typed = (ports.prompt)(&format!("{question}{shown}: "))?;
        Some(Some(typed.trim().to_string()).filter(|typed| !typed.is_empty()).or(default))
    };
    let kind = settings.instance_type.map_or("t3.micro".to_string(), |kind| kind.value.to_string());
    let ttl = settings.ttl.map_or("8h".to_string(), |ttl| domain::format_span(ttl.value));
    let answers =
        || Some((ask("Instance type", Some(kind))?, ask("Running time", Some(ttl))?, ask("Name", None)?));
    let Some(answered) = answers() else { return Ok(false) };
    (args.instance_type, args.ttl, args.name) = answered;
    Ok(true)
}
