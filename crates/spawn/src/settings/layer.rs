//! The values of one source, as texts with their origin.

use std::collections::BTreeMap;

use console::{Failure, Setting, SettingOrigin};

use super::keys::{KEYS, LaunchKey, ValueShape, launch_key};

/// A value before it is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RawValue {
    /// A text, number, switch or word.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// Named texts, each with its own origin.
    Pairs(BTreeMap<String, Setting<String>>),
}

/// The values of one source: the flags, the environment, a file or a profile of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingsLayer {
    values: BTreeMap<&'static str, Setting<RawValue>>,
}

impl SettingsLayer {
    /// Sets a value of one text from a flag, if it was given.
    pub(crate) fn text_flag(mut self, key: &str, flag: &'static str, typed: Option<&str>) -> SettingsLayer {
        if let Some(text) = typed {
            self.insert(known(key), RawValue::Text(text.to_string()), SettingOrigin::Flag(flag));
        }
        self
    }

    /// Sets a switch to yes from a flag, if it was given.
    pub(crate) fn switch_flag(self, key: &str, flag: &'static str, is_given: bool) -> SettingsLayer {
        self.text_flag(key, flag, is_given.then_some("yes"))
    }

    /// Sets a list from a flag, if it was given.
    pub(crate) fn list_flag(mut self, key: &str, flag: &'static str, typed: &[String]) -> SettingsLayer {
        if !typed.is_empty() {
            self.insert(known(key), RawValue::List(typed.to_vec()), SettingOrigin::Flag(flag));
        }
        self
    }

    /// Adds pairs written as `NAME=VALUE` from a flag.
    ///
    /// # Errors
    /// A word has no `=`, or a name occurs twice.
    pub(crate) fn pairs_flag(
        mut self,
        key: &str,
        flag: &'static str,
        typed: &[String],
    ) -> Result<SettingsLayer, Failure> {
        let mut pairs = BTreeMap::new();
        for word in typed {
            let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(Failure::usage(format!("{flag} \"{word}\" is not written as NAME=VALUE"))
                    .hint(format!("{flag} NAME=VALUE")));
            };
            let setting = Setting { value: value.to_string(), origin: SettingOrigin::Flag(flag) };
            if pairs.insert(name.to_string(), setting).is_some() {
                return Err(Failure::usage(format!("{flag}: \"{name}\" is given twice"))
                    .hint(format!("remove one {flag} {name}=…")));
            }
        }
        if !pairs.is_empty() {
            self.insert(known(key), RawValue::Pairs(pairs), SettingOrigin::Flag(flag));
        }
        Ok(self)
    }

    /// Returns the values of the environment variables. An empty variable counts as not set.
    pub(crate) fn of_environment(env: &BTreeMap<String, String>) -> SettingsLayer {
        let mut layer = SettingsLayer::default();
        for key in KEYS {
            let Some(variable) = key.variable else { continue };
            let Some(text) = env.get(variable).filter(|text| !text.is_empty()) else { continue };
            let value = match key.shape {
                ValueShape::List => {
                    RawValue::List(text.split(',').map(|word| word.trim().to_string()).collect())
                }
                _ => RawValue::Text(text.clone()),
            };
            layer.insert(key, value, SettingOrigin::Env(variable));
        }
        layer
    }

    /// Sets a value, and replaces an earlier one.
    pub(crate) fn insert(&mut self, key: &'static LaunchKey, value: RawValue, origin: SettingOrigin) {
        self.values.insert(key.name, Setting { value, origin });
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Setting<RawValue>> {
        self.values.get(key)
    }

    /// Returns the keys that only a trusted file may set, with their values, in the order of the
    /// table.
    pub(crate) fn guarded(&self) -> impl Iterator<Item = (&'static LaunchKey, &Setting<RawValue>)> {
        let guarded = KEYS.iter().filter(|key| !key.is_harmless);
        guarded.filter_map(|key| Some((key, self.values.get(key.name)?)))
    }

    /// Returns the values that a file may set without trust.
    pub(crate) fn harmless(&self) -> SettingsLayer {
        let mut layer = self.clone();
        layer.values.retain(|name, _| known(name).is_harmless);
        layer
    }
}

fn known(name: &str) -> &'static LaunchKey {
    launch_key(name).expect("flags name keys of the table")
}
