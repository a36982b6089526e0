//! The dimensions of costs that a team defines by tag keys: `[dimensions]` in the settings files.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use crate::{Failure, SettingsFile};

/// The table of the settings files.
pub(crate) const DIMENSIONS: &str = "dimensions";

/// Names that are dimensions without a tag.
const BUILT_IN: [&str; 14] = [
    "account",
    "service",
    "region",
    "type",
    "resource",
    "category",
    "owner",
    "sub_account_id",
    "service_name",
    "region_id",
    "usage_type",
    "resource_id",
    "charge_category",
    "none",
];

/// The tag keys of each dimension, by its name. The value of a line is that of the first key that
/// the line has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostDimensions {
    keys: BTreeMap<String, Vec<String>>,
}

impl Default for CostDimensions {
    /// Returns `user` alone: the tag with the owner of an instance of spawn.
    fn default() -> CostDimensions {
        CostDimensions { keys: BTreeMap::from([("user".into(), vec!["spawn:owner".into()])]) }
    }
}

impl CostDimensions {
    /// Reads the table `dimensions` of these files: `team = ["Team", "team"]`, or `env = "stage"`.
    /// A name in a later file replaces that of an earlier one.
    ///
    /// Errors: a dimension without keys, a name that is none, or one that has another meaning.
    pub(crate) fn of(files: [Option<&SettingsFile>; 2]) -> Result<CostDimensions, Failure> {
        let mut dimensions = CostDimensions::default();
        for file in files.into_iter().flatten() {
            dimensions.keys.extend(read_table(file)?);
        }
        Ok(dimensions)
    }

    /// Returns the tag keys of a dimension; `None` if it is not defined.
    pub fn keys(&self, name: &str) -> Option<&[String]> {
        self.keys.get(name).map(Vec::as_slice)
    }

    /// Returns the names of the defined dimensions, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

fn read_table(file: &SettingsFile) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let SettingsFile { path, text } = file;
    let wrong = |at: usize, problem: String| {
        let line = text[..at].matches('\n').count() + 1;
        Failure::usage(format!("{}:{line}: {problem}", path.display()))
            .hint("write [dimensions], and below it a line such as team = [\"Team\", \"team\"]")
    };
    let table = DeTable::parse(text)
        .map_err(|why| wrong(why.span().map_or(0, |span| span.start), why.message().to_string()))?;
    let Some(value) = table.get_ref().get(DIMENSIONS) else { return Ok(BTreeMap::new()) };
    let DeValue::Table(dimensions) = value.get_ref() else {
        return Err(wrong(value.span().start, format!("{DIMENSIONS} is not a table")));
    };
    let entry = |(name, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let (at, name): (usize, &std::borrow::Cow<'_, str>) = (name.span().start, name.get_ref());
        check_name(name).map_err(|problem| wrong(at, problem))?;
        let keys = read_keys(value.get_ref()).ok_or_else(|| {
            wrong(at, format!("{name} is neither a tag key nor a list of tag keys without line breaks"))
        })?;
        Ok((name.to_string(), keys))
    };
    dimensions.iter().map(entry).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(is_word) {
        return Err(format!("\"{name}\" is not a name of lowercase letters, digits, - and _"));
    }
    match BUILT_IN.contains(&name) {
        true => Err(format!("{name} is a dimension of its own and cannot be defined by tags")),
        false => Ok(()),
    }
}

fn read_keys(value: &DeValue<'_>) -> Option<Vec<String>> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(key) if !key.is_empty() && !key.contains(char::is_control) => Some(key.to_string()),
        _ => None,
    };
    match value {
        DeValue::Array(keys) => {
            let keys: Option<Vec<String>> = keys.iter().map(|key| text(key.get_ref())).collect();
            keys.filter(|keys| !keys.is_empty())
        }
        single => Some(vec![text(single)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(user: &str, project: &str) -> Result<CostDimensions, Failure> {
        let file = |path: &str, text: &str| {
            (!text.is_empty()).then(|| SettingsFile { path: path.into(), text: text.into() })
        };
        let (user, project) = (file("/c/config.toml", user), file("/p/mycelium.toml", project));
        CostDimensions::of([user.as_ref(), project.as_ref()])
    }

    #[test]
    fn the_project_s_dimensions_replace_the_user_s_of_the_same_name() {
        let check = |user: &str, project: &str, expected: &[(&str, &[&str])]| {
            let found = read(user, project).unwrap();
            let expected: Vec<(&str, Vec<String>)> = expected
                .iter()
                .map(|(name, keys)| (*name, keys.iter().map(|key| key.to_string()).collect()))
                .collect();
            let found: Vec<(&str, Vec<String>)> =
                found.names().map(|name| (name, found.keys(name).unwrap().to_vec())).collect();
            assert_eq!(found, expected);
        };
        check("", "", &[("user", &["spawn:owner"])]);
        check("region = \"eu-west-1\"\n", "", &[("user", &["spawn:owner"])]);
        check(
            "[dimensions]\nteam = \"Team\"\nuser = [\"Owner\"]\n",
            "[dimensions]\nteam = [\"Team\", \"team\"]\n",
            &[("team", &["Team", "team"]), ("user", &["Owner"])],
        );
    }

    #[test]
    fn refuses_dimensions_that_are_none() {
        let check = |text: &str, expected: &str| {
            assert_eq!(read("", text).unwrap_err().message, format!("/p/mycelium.toml:{expected}"), "{text}");
        };
        check("dimensions = 3\n", "1: dimensions is not a table");
        let keys = "is neither a tag key nor a list of tag keys without line breaks";
        check("[dimensions]\nteam = []\n", &format!("2: team {keys}"));
        check("[dimensions]\nteam = [\"a\", 3]\n", &format!("2: team {keys}"));
        check("[dimensions]\nteam = \"a\\nb\"\n", &format!("2: team {keys}"));
        check(
            "[dimensions]\nservice = \"a\"\n",
            "2: service is a dimension of its own and cannot be defined by tags",
        );
        check(
            "[dimensions]\n\"A b\" = \"a\"\n",
            "2: \"A b\" is not a name of lowercase letters, digits, - and _",
        );
    }
}
