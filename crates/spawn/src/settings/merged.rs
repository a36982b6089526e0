//! Values of several sources in the order of precedence.

use std::collections::BTreeMap;

use console::{Failure, Setting, SettingOrigin};

use super::keys::{LaunchKey, launch_key};
use super::layer::{RawValue, SettingsLayer};
use super::values::ValueParser;

/// The values of all sources; an earlier one wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MergedValues {
    layers: Vec<SettingsLayer>,
}

impl MergedValues {
    /// Merges layers; the first one has precedence.
    pub(crate) fn new(layers: Vec<SettingsLayer>) -> MergedValues {
        MergedValues { layers }
    }

    /// Returns the first value of a key. Named texts are merged one by one.
    pub(crate) fn find(&self, key: &str) -> Option<Setting<RawValue>> {
        let mut found = self.layers.iter().filter_map(|layer| layer.get(key));
        let first = found.next()?;
        let RawValue::Pairs(pairs) = &first.value else { return Some(first.clone()) };
        let mut pairs = pairs.clone();
        for later in found {
            let RawValue::Pairs(more) = &later.value else { continue };
            for (name, setting) in more {
                pairs.entry(name.clone()).or_insert_with(|| setting.clone());
            }
        }
        Some(Setting { value: RawValue::Pairs(pairs), origin: first.origin.clone() })
    }

    /// Returns the parsed value of a key with one text.
    pub(super) fn text<T>(&self, key: &str, parse: ValueParser<T>) -> Result<Option<Setting<T>>, Failure> {
        let Some(Setting { value: RawValue::Text(text), origin }) = self.find(key) else { return Ok(None) };
        let value = parse(&text).map_err(|why| invalid(key, &origin, &why))?;
        Ok(Some(Setting { value, origin }))
    }

    /// Returns the parsed value of a key with one text, or its default.
    pub(super) fn or_default<T>(&self, key: &str, parse: ValueParser<T>) -> Result<Setting<T>, Failure> {
        let default = launch_key(key).and_then(|key| key.default).expect("the key has a default");
        Ok(match self.text(key, parse)? {
            Some(setting) => setting,
            None => {
                let value = parse(default).expect("a default is valid");
                Setting { value, origin: SettingOrigin::Default }
            }
        })
    }

    /// Returns the parsed texts of a list.
    pub(super) fn list<T>(
        &self,
        key: &str,
        parse: ValueParser<T>,
    ) -> Result<Option<Setting<Vec<T>>>, Failure> {
        let Some(Setting { value: RawValue::List(texts), origin }) = self.find(key) else { return Ok(None) };
        let parse = |text: &String| parse(text).map_err(|why| invalid(key, &origin, &why));
        let value = texts.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Some(Setting { value, origin }))
    }

    /// Returns the parsed texts of named texts, by name.
    pub(super) fn pairs<T>(
        &self,
        key: &str,
        parse: ValueParser<T>,
    ) -> Result<BTreeMap<String, Setting<T>>, Failure> {
        let Some(Setting { value: RawValue::Pairs(pairs), .. }) = self.find(key) else {
            return Ok(BTreeMap::new());
        };
        let parse = |(name, setting): (String, Setting<String>)| {
            let value =
                parse(&setting.value).map_err(|why| invalid_pair(key, Some(&name), &setting.origin, &why))?;
            Ok((name, Setting { value, origin: setting.origin }))
        };
        pairs.into_iter().map(parse).collect()
    }
}

/// Returns the failure for the value of a name below a key, or for the name itself.
pub(super) fn invalid_pair(key: &str, name: Option<&str>, origin: &SettingOrigin, why: &str) -> Failure {
    let is_line = matches!(origin, SettingOrigin::File(..));
    let place = match (is_line, name.map(str::escape_debug)) {
        (true, Some(name)) => format!("{key}.{name}: "),
        (true, None) => format!("{key}: "),
        (false, Some(name)) => format!("{name}: "),
        (false, None) => String::new(),
    };
    let form = if is_line { format!("{key}: {{NAME: VALUE}}") } else { format!("{origin} NAME=VALUE") };
    Failure::usage(format!("{origin}: {place}{why}")).hint(format!("{form}, with a value of one line"))
}

/// A flag and a variable are named after their key, and a line of a file is not.
fn invalid(key: &str, origin: &SettingOrigin, why: &str) -> Failure {
    let message = match origin {
        SettingOrigin::File(..) => format!("{origin}: {key}: {why}"),
        _ => format!("{origin}: {why}"),
    };
    let failure = Failure::usage(message);
    match (launch_key(key), origin) {
        (Some(LaunchKey { example, .. }), SettingOrigin::Flag(flag)) if flag.starts_with("--") => {
            failure.hint(format!("{flag} {example}"))
        }
        (Some(LaunchKey { example, .. }), SettingOrigin::Flag(_)) => {
            failure.hint(format!("spawn launch {example} --ttl 8h"))
        }
        (Some(LaunchKey { example, .. }), SettingOrigin::Env(name)) => {
            failure.hint(format!("{name}={example}"))
        }
        (Some(LaunchKey { example, .. }), SettingOrigin::File(..)) => {
            failure.hint(format!("{key}: {example}"))
        }
        (Some(_), SettingOrigin::Default) | (None, _) => failure,
    }
}
