//! The tags that a user adds to a launch, and the reasons to refuse them before anything is sent.

use std::collections::BTreeMap;

/// The most tags of a resource, by AWS's tag restrictions.
pub const MOST_TAGS: usize = 50;
/// The most characters of a tag's key and value, by AWS's tag restrictions.
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;
/// Prefixes of the keys that AWS and spawn write themselves.
const RESERVED: [&str; 2] = ["aws:", "spawn:"];
/// Keys that the metadata service has for itself.
const METADATA_KEYS: [&str; 3] = [".", "..", "_index"];

/// A tag that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LaunchTagError {
    /// The key begins with a reserved prefix.
    #[error("the tag key \"{0}\" begins with {1}, which is reserved")]
    Reserved(String, &'static str),
    /// The key is empty or too long.
    #[error("the tag key \"{0}\" has {1} characters, expected 1 to 128")]
    KeyLength(String, usize),
    /// The metadata service cannot serve the key.
    #[error(
        "the tag key \"{0}\" cannot be read on the instance: use letters, digits and + - = . , _ : @ alone"
    )]
    Key(String),
    /// The value is too long.
    #[error("the value of the tag {0} has {1} characters, expected at most 256")]
    ValueLength(String, usize),
    /// The value has a character that no terminal can show.
    #[error("the value of the tag {0} contains a control character")]
    Value(String),
    /// There are too many tags.
    #[error("there would be {0} tags with those of spawn, and AWS allows 50")]
    Count(usize),
}

/// Checks the user's tags, for a resource that has `own` tags of spawn besides.
///
/// # Errors
/// The first tag that AWS or the metadata service would refuse, or that is reserved.
pub fn check_tags(tags: &BTreeMap<String, String>, own: usize) -> Result<(), LaunchTagError> {
    for (key, value) in tags {
        check_tag(key, value)?;
    }
    match tags.len() + own {
        count if count > MOST_TAGS => Err(LaunchTagError::Count(count)),
        _ => Ok(()),
    }
}

fn check_tag(key: &str, value: &str) -> Result<(), LaunchTagError> {
    let lower = key.to_lowercase();
    if let Some(prefix) = RESERVED.into_iter().find(|prefix| lower.starts_with(prefix)) {
        return Err(LaunchTagError::Reserved(key.to_string(), prefix));
    }
    let characters = key.chars().count();
    if !(1..=LONGEST_KEY).contains(&characters) {
        return Err(LaunchTagError::KeyLength(key.to_string(), characters));
    }
    let is_servable = key.chars().all(|c| c.is_ascii_alphanumeric() || "+-=.,_:@".contains(c));
    if !is_servable || METADATA_KEYS.contains(&key) {
        return Err(LaunchTagError::Key(key.to_string()));
    }
    let characters = value.chars().count();
    if characters > LONGEST_VALUE {
        return Err(LaunchTagError::ValueLength(key.to_string(), characters));
    }
    if value.chars().any(char::is_control) {
        return Err(LaunchTagError::Value(key.to_string()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn tags_that_aws_refuses_are_refused_first() {
        let check = |key: &str, value: &str, expected: Option<&str>| {
            let found = check_tags(&pairs(&[(key, value)]), 8).map_err(|error| error.to_string());
            assert_eq!(found.is_err(), expected.is_some(), "{key}: {found:?}");
            assert!(found.err().unwrap_or_default().contains(expected.unwrap_or_default()));
        };
        check("cost-centre", "42", None);
        check("a", "", None);
        check("a", &"v".repeat(256), None);
        check(&"k".repeat(128), "1", None);
        check("aws:x", "1", Some("begins with aws:"));
        check("AWS:x", "1", Some("begins with aws:"));
        check("spawn:expiry", "1", Some("begins with spawn:"));
        check("", "1", Some("has 0 characters"));
        check(&"k".repeat(129), "1", Some("has 129 characters"));
        check("a b", "1", Some("cannot be read on the instance"));
        check("a/b", "1", Some("cannot be read on the instance"));
        check("_index", "1", Some("cannot be read on the instance"));
        check("a", &"v".repeat(257), Some("has 257 characters"));
        check("a", "x\u{1b}[31m", Some("control character"));
    }

    #[test]
    fn the_fifty_first_tag_is_refused() {
        let many: BTreeMap<String, String> =
            (0..42).map(|number| (format!("k{number}"), String::new())).collect();
        assert_eq!(check_tags(&many, 8), Ok(()));
        assert_eq!(check_tags(&many, 9), Err(LaunchTagError::Count(51)));
    }
}
