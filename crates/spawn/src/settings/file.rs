//! Reads `.spawn.yaml`. Every value keeps its line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use console::{Failure, SHARED_SETTINGS, Setting, SettingOrigin, SettingsFile, suggest_closest};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::{Error, MergeKeyPolicy, Options, Spanned, UserMessageFormatter};

use super::keys::{LaunchKey, PROFILES, ValueShape, launch_key, names_in, own_name};
use super::layer::{RawValue, SettingsLayer};

/// The content of a `.spawn.yaml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingsDocument {
    /// The values at the top.
    pub(crate) values: SettingsLayer,
    /// The named sets.
    pub(crate) profiles: BTreeMap<String, SettingsLayer>,
}

impl SettingsDocument {
    /// Returns the values at the top and those of every profile.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &SettingsLayer> {
        std::iter::once(&self.values).chain(self.profiles.values())
    }
}

/// Reads the keys and texts of a file. The values are not parsed yet.
///
/// # Errors
/// The text is not YAML, a key is unknown or belongs into another file, or a value does not have
/// the form of its key. The message names the file and the line.
pub(crate) fn read_document(file: &SettingsFile) -> Result<SettingsDocument, Failure> {
    let mut document = SettingsDocument::default();
    // The first reading finds errors of YAML itself, so that the second one can explain the others.
    let content: Option<IgnoredAny> = with_yaml(&file.text, |yaml| serde::Deserialize::deserialize(yaml))
        .map_err(|error| yaml_failure(&file.path, &error))?;
    if content.is_none() {
        return Ok(document);
    }
    let mut reader = SectionReader { path: &file.path, problem: None };
    let read = with_yaml(&file.text, |yaml| {
        let SettingsDocument { values, profiles } = &mut document;
        let section = "";
        yaml.deserialize_map(SectionVisitor {
            reader: &mut reader,
            section,
            into: values,
            profiles: Some(profiles),
        })
    });
    match (reader.problem, read) {
        (Some(problem), _) => Err(problem),
        (None, Err(error)) => Err(yaml_failure(&file.path, &error)),
        (None, Ok(())) => Ok(document),
    }
}

/// Returns the path that a settings file means by a text.
pub(crate) fn path_in(file: &Path, text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().unwrap_or(Path::new("")).join(text),
    }
}

fn with_yaml<T>(
    text: &str,
    read: impl for<'de, 'e> FnOnce(serde_saphyr::Deserializer<'de, 'e>) -> Result<T, Error>,
) -> Result<T, Error> {
    let options: Options = serde_saphyr::options! {
        with_snippet: false,
        merge_keys: MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, read)
}

fn yaml_failure(path: &Path, error: &Error) -> Failure {
    let line = error.location().map_or(1, |location| location.line().max(1));
    let problem = match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key \"{key}\" occurs twice"),
        Error::MultipleDocuments { .. } => "the file has more than one document".to_string(),
        Error::MergeKeyNotAllowed { .. } => "merge keys (<<) are not supported".to_string(),
        Error::Unexpected { expected, .. } if *expected == "mapping start" => {
            "the file has no keys with values".to_string()
        }
        other => {
            let text = other.render_with_formatter(&UserMessageFormatter);
            // The library repeats the place at the end.
            text.lines()
                .next()
                .and_then(|line| line.split(" at line ").next())
                .unwrap_or_default()
                .to_string()
        }
    };
    Failure::usage(format!("{}:{line}: {problem}", path.display())).hint(
        match problem.contains("found a tab") {
            true => "indent with spaces: YAML allows no tabs there",
            false => "spawn config schema prints the keys and their forms",
        },
    )
}

/// The place and the first problem of a reading. A problem ends the reading.
struct SectionReader<'a> {
    path: &'a Path,
    problem: Option<Failure>,
}

impl SectionReader<'_> {
    fn origin(&self, line: u64) -> SettingOrigin {
        SettingOrigin::File(self.path.to_path_buf(), usize::try_from(line).unwrap_or_default())
    }

    /// Keeps a problem, and returns an error that ends the reading.
    fn stop<E: serde::de::Error>(&mut self, line: u64, problem: &str, hint: String) -> E {
        let origin = self.origin(line);
        self.problem.get_or_insert_with(|| Failure::usage(format!("{origin}: {problem}")).hint(hint));
        E::custom(problem)
    }

    fn unknown_key<E: serde::de::Error>(
        &mut self,
        line: u64,
        section: &str,
        has_profiles: bool,
        name: &str,
    ) -> E {
        let whole = format!("{section}{name}");
        if section.is_empty() && SHARED_SETTINGS.contains(&name) {
            let problem = format!("{name} is a setting of all programs, not of launches");
            return self.stop(line, &problem, format!("move it to mycelium.toml: {name} = \"…\""));
        }
        if let Some(own) = own_name(&whole) {
            return self.stop(line, &format!("there is no key \"{whole}\""), format!("write {own} instead"));
        }
        let mut names = names_in(section);
        names.extend(has_profiles.then_some(PROFILES));
        let near = suggest_closest(name, names.iter().copied());
        let hint = format!("the keys are {}", names.join(", "));
        self.stop(line, &format!("there is no key \"{whole}\"{near}"), hint)
    }
}

/// Reads a section: the whole file, `ssh`, or a profile.
struct SectionVisitor<'a, 'b> {
    reader: &'a mut SectionReader<'b>,
    /// The beginning of the section's keys: empty or `ssh.`.
    section: &'static str,
    into: &'a mut SettingsLayer,
    /// The profiles; none inside a profile.
    profiles: Option<&'a mut BTreeMap<String, SettingsLayer>>,
}

impl<'de> DeserializeSeed<'de> for SectionVisitor<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SectionVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys with values")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let (line, name) = (key.referenced.line(), key.value);
            let whole = format!("{}{name}", self.section);
            match (launch_key(&whole), self.profiles.as_deref_mut()) {
                (Some(key), _) => self.read_value(key, line, &mut map)?,
                (None, _) if whole == "ssh" => {
                    let (reader, into) = (&mut *self.reader, &mut *self.into);
                    let ssh = SectionVisitor { reader, section: "ssh.", into, profiles: None };
                    map.next_value_seed(ssh).map_err(|error| self.wrong_form(line, "ssh", error))?;
                }
                (None, Some(into)) if whole == PROFILES => {
                    let profiles = ProfilesVisitor { reader: &mut *self.reader, into };
                    map.next_value_seed(profiles).map_err(|error| self.wrong_form(line, PROFILES, error))?;
                }
                _ => {
                    let has_profiles = self.profiles.is_some();
                    return Err(self.reader.unknown_key(line, self.section, has_profiles, &name));
                }
            }
        }
        Ok(())
    }
}

impl SectionVisitor<'_, '_> {
    fn wrong_form<E: serde::de::Error>(&mut self, line: u64, name: &str, _: E) -> E {
        let problem = format!("{name} is not a section");
        self.reader.stop(line, &problem, "write its keys below it, indented by two spaces".to_string())
    }

    fn read_value<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static LaunchKey,
        line: u64,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let value = match key.shape {
            ValueShape::List => map.next_value::<Vec<String>>().map(RawValue::List),
            ValueShape::Pairs => map.next_value::<BTreeMap<String, Spanned<String>>>().map(|pairs| {
                let setting = |text: Spanned<String>| Setting {
                    origin: self.reader.origin(text.referenced.line()),
                    value: text.value,
                };
                RawValue::Pairs(pairs.into_iter().map(|(name, text)| (name, setting(text))).collect())
            }),
            _ => map.next_value::<String>().map(RawValue::Text),
        };
        let value = value.map_err(|_| {
            let (form, example) = (key.shape.describe(), key.example);
            let example = if key.shape == ValueShape::List { format!("[{example}]") } else { example.into() };
            let last = key.name.rsplit('.').next().unwrap_or(key.name);
            self.reader.stop(line, &format!("{} is not {form}", key.name), format!("write {last}: {example}"))
        })?;
        self.into.insert(key, value, self.reader.origin(line));
        Ok(())
    }
}

/// Reads the profiles.
struct ProfilesVisitor<'a, 'b> {
    reader: &'a mut SectionReader<'b>,
    into: &'a mut BTreeMap<String, SettingsLayer>,
}

impl<'de> DeserializeSeed<'de> for ProfilesVisitor<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ProfilesVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names of profiles")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            let mut layer = SettingsLayer::default();
            let reader = &mut *self.reader;
            let section = SectionVisitor { reader, section: "", into: &mut layer, profiles: None };
            map.next_value_seed(section).map_err(|_| {
                let problem = format!("the profile \"{}\" is not a section", name.value);
                let hint = "write its keys below it, indented by two spaces".to_string();
                self.reader.stop::<A::Error>(name.referenced.line(), &problem, hint)
            })?;
            self.into.insert(name.value, layer);
        }
        Ok(())
    }
}
