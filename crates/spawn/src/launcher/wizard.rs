//! The questions of `spawn launch` without arguments, on a terminal.

use console::Failure;

use crate::Ports;
use crate::launcher::args::LaunchArgs;
use crate::launcher::order::resolve_settings;

/// Asks for the instance type, the running time and the name. An empty answer takes the setting, or
/// the default in brackets.
///
/// # Errors
/// There is no terminal, or a settings file is invalid.
pub(crate) fn ask_for_launch(args: &mut LaunchArgs, ports: &Ports<'_>) -> Result<(), Failure> {
    let settings = resolve_settings(args, ports)?;
    let missing = || Failure::usage("the instance type is missing").hint("spawn launch t3.micro --ttl 8h");
    let ask = |question: &str, default: Option<String>| -> Result<Option<String>, Failure> {
        let shown = default.as_deref().map_or(String::new(), |default| format!(" [{default}]"));
        let typed = (ports.prompt)(&format!("{question}{shown}: ")).ok_or_else(missing)?;
        Ok(Some(typed.trim().to_string()).filter(|typed| !typed.is_empty()).or(default))
    };
    let kind = settings.instance_type.map_or("t3.micro".to_string(), |kind| kind.value.to_string());
    let ttl = settings.ttl.map_or("8h".to_string(), |ttl| domain::format_span(ttl.value));
    args.instance_type = ask("Instance type", Some(kind))?;
    args.ttl = ask("Running time", Some(ttl))?;
    args.name = ask("Name", None)?;
    Ok(())
}
