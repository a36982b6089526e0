//! The instance types that the warehouse knows, and the answer to a type that it does not know.

use catalog::Value;
use console::{Failure, FailureKind};
use domain::InstanceType;

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::instance_names::{find_type_name, suggest_type};

/// Returns the answer about an instance type, named in any spelling, and its name. AWS's own
/// spelling is asked for at once; only if nothing is known about it are the known names compared.
///
/// # Errors
/// Those of `ask`; a usage failure, with the nearest name, if the type is not known; a data failure
/// if no type is known at the instant of the answer.
pub(crate) fn ask_about_type<T>(
    typed: &str,
    ports: &CommandPorts<'_>,
    mut ask: impl FnMut(&str) -> Result<T, Failure>,
    is_known: impl Fn(&T) -> bool,
) -> Result<(String, T), Failure> {
    let plain = typed.to_lowercase();
    let answer = InstanceType::is_valid(&plain).then(|| ask(&plain)).transpose()?;
    let name = match &answer {
        Some(answer) if is_known(answer) => plain.clone(),
        _ => find_known_type(typed, ports)?,
    };
    let answer = match answer.filter(|_| name == plain) {
        Some(answer) => answer,
        None => ask(&name)?,
    };
    Ok((name, answer))
}

/// Returns the name of a known instance type that `typed` spells in any way.
///
/// # Errors
/// Those of [`ask_about_type`].
pub(crate) fn find_known_type(typed: &str, ports: &CommandPorts<'_>) -> Result<String, Failure> {
    let page = ports.answer("instance/names", &[])?;
    let text = |row: &Vec<Value>| match row.first() {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    };
    let names: Vec<String> = page.rows.iter().filter_map(text).collect();
    if names.is_empty() {
        let failure = format!("not collected yet: instance types as of {}", ports.as_of);
        let command = collect_command("instance_type", ports.settings.region.value.as_str());
        return Err(
            Failure::new(FailureKind::Data, failure).hint(format!("{command}, or choose a later --as-of"))
        );
    }
    let all = names.iter().map(String::as_str);
    find_type_name(typed, all.clone()).map(String::from).ok_or_else(|| {
        let is_family = all.clone().any(|name| name.split('.').next() == Some(&typed.to_lowercase()));
        let hint = match is_family {
            true => format!("it is a family: truffle search '{typed}.*' lists its types"),
            false => "truffle search lists the instance types".into(),
        };
        Failure::usage(format!("unknown instance type \"{typed}\"{}", suggest_type(typed, all))).hint(hint)
    })
}
