//! The dimensions by which costs are grouped: `--by service,tag:Team`.

use console::{CostDimensions, Failure, suggest_closest};

use crate::leaf_key::LeafKey;

/// A dimension of costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CostDimension {
    /// The account that used the service.
    Account,
    /// The service.
    Service,
    /// The region.
    Region,
    /// The usage type.
    UsageType,
    /// The resource.
    Resource,
    /// Usage, Purchase, Tax, Credit or Adjustment.
    Category,
    /// The value of a tag.
    Tag {
        /// The name of the column: `tag:KEY`, or a dimension of the settings.
        name: String,
        /// The keys; the first one that a line has counts.
        keys: Vec<String>,
    },
}

/// The dimensions without a tag, with their short names and their columns.
const BUILT_IN: [(&str, &str, CostDimension); 6] = [
    ("account", "sub_account_id", CostDimension::Account),
    ("service", "service_name", CostDimension::Service),
    ("region", "region_id", CostDimension::Region),
    ("type", "usage_type", CostDimension::UsageType),
    ("resource", "resource_id", CostDimension::Resource),
    ("category", "charge_category", CostDimension::Category),
];

impl CostDimension {
    /// Reads the name of a dimension: a short name, a column, `tag:KEY`, `owner`, or a name that
    /// the settings define.
    ///
    /// Errors: a usage failure with the closest name.
    pub(crate) fn read(flag: &str, text: &str, defined: &CostDimensions) -> Result<CostDimension, Failure> {
        let text = text.trim();
        if let Some((.., dimension)) =
            BUILT_IN.iter().find(|(short, column, _)| text == *short || text == *column)
        {
            return Ok(dimension.clone());
        }
        if let Some(key) = text.strip_prefix("tag:").filter(|key| !key.is_empty()) {
            return match key.contains(char::is_control) {
                true => Err(Failure::usage(format!("{flag} {text:?} has a control character"))
                    .hint("truffle query cost/tag-keys lists the keys")),
                false => Ok(CostDimension::Tag { name: text.into(), keys: vec![key.into()] }),
            };
        }
        let name = if text == "owner" { "user" } else { text };
        if let Some(keys) = defined.keys(name) {
            return Ok(CostDimension::Tag { name: text.into(), keys: keys.to_vec() });
        }
        let names = dimension_names(defined);
        let near = suggest_closest(text, names.iter().map(String::as_str));
        Err(Failure::usage(format!("{flag} \"{text}\" is not a dimension{near}"))
            .hint(format!("the dimensions are {}, and tag:KEY", names.join(", "))))
    }

    /// Returns the name of the dimension's column.
    pub(crate) fn column(&self) -> &str {
        match self {
            CostDimension::Tag { name, .. } => name,
            other => {
                BUILT_IN.iter().find(|(.., dimension)| dimension == other).map_or("", |(_, column, _)| column)
            }
        }
    }

    /// Returns the dimension's value in a leaf; `None` if the charges do not state it.
    pub(crate) fn value<'a>(&self, key: &'a LeafKey) -> Option<&'a str> {
        match self {
            CostDimension::Account => &key.account,
            CostDimension::Service => &key.service,
            CostDimension::Region => &key.region,
            CostDimension::UsageType => &key.usage_type,
            CostDimension::Resource => &key.resource,
            CostDimension::Category => &key.category,
            CostDimension::Tag { .. } => &key.tag,
        }
        .as_deref()
    }

    /// Returns the words for a missing value, such as `(untagged)`.
    pub(crate) fn missing(&self) -> &'static str {
        match self {
            CostDimension::Tag { .. } => "(untagged)",
            _ => "(none)",
        }
    }
}

/// Returns the names of all dimensions except tags, for completions and hints.
pub fn dimension_names(defined: &CostDimensions) -> Vec<String> {
    let built_in = BUILT_IN.iter().map(|(short, ..)| *short).chain(["owner"]);
    built_in.chain(defined.names()).map(String::from).collect()
}

/// Reads the dimensions of a flag.
///
/// Errors: a usage failure for an unknown or a repeated dimension, or for a second tag.
pub(crate) fn read_dimensions(
    flag: &str,
    texts: &[String],
    defined: &CostDimensions,
) -> Result<Vec<CostDimension>, Failure> {
    let mut dimensions: Vec<CostDimension> = Vec::new();
    for text in texts {
        let dimension = CostDimension::read(flag, text, defined)?;
        let is_tag = |one: &CostDimension| matches!(one, CostDimension::Tag { .. });
        if dimensions.contains(&dimension) {
            return Err(Failure::usage(format!("{flag} has {text} twice")).hint("name each dimension once"));
        }
        if is_tag(&dimension) && dimensions.iter().any(is_tag) {
            return Err(
                Failure::usage(format!("{flag} has a second tag: {text}")).hint("ask once for each tag")
            );
        }
        dimensions.push(dimension);
    }
    Ok(dimensions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str, key: &str) -> CostDimension {
        CostDimension::Tag { name: name.into(), keys: vec![key.into()] }
    }

    #[test]
    fn reads_short_names_columns_tags_and_names_of_the_settings() {
        let check = |text: &str, expected: CostDimension| {
            assert_eq!(CostDimension::read("--by", text, &CostDimensions::default()), Ok(expected), "{text}");
        };
        check("account", CostDimension::Account);
        check("sub_account_id", CostDimension::Account);
        check(" type", CostDimension::UsageType);
        check("tag:Team", tag("tag:Team", "Team"));
        check("tag:tag:x", tag("tag:tag:x", "tag:x"));
        check("user", tag("user", "spawn:owner"));
        check("owner", tag("owner", "spawn:owner"));
    }

    #[test]
    fn refuses_other_names_with_the_closest_one() {
        let check = |text: &str, expected: &str| {
            let failure = CostDimension::read("--by", text, &CostDimensions::default()).unwrap_err();
            assert_eq!(failure.message, expected);
        };
        check("servce", "--by \"servce\" is not a dimension; the closest match is service");
        check("tag:", "--by \"tag:\" is not a dimension");
        check("", "--by \"\" is not a dimension");
        check("tag:a\nb", "--by \"tag:a\\nb\" has a control character");
    }
}
