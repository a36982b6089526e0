//! Spellings of tag keys. `queries/views/tag_key.sql` has the same rules for SQL.

/// Prefixes that name the kind of thing that has the tag, as Cost and Usage Reports write them.
const OWNERS: [&str; 5] =
    ["resourceTags/", "resource_tags_", "accountTag/", "userAttribute/", "iamPrincipal/"];

/// Prefixes of tags that users set.
const USERS: [&str; 2] = ["user:", "user_"];

/// The key with the text of tags that could not be read, and their value in answers.
pub const UNREADABLE_TAGS: &str = "(unreadable)";

/// Returns a tag key without the prefix that a report adds. `user:Team` and
/// `resource_tags_user_Team` become `Team`; `aws:createdBy` stays as it is.
pub fn bare_tag_key(key: &str) -> &str {
    let without =
        |key, prefixes: &[&str]| prefixes.iter().find_map(|prefix| rest_after(key, prefix)).unwrap_or(key);
    without(without(key, &OWNERS), &USERS)
}

fn rest_after<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    key.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}

/// Returns the characters of a bare key that every spelling keeps: letters in lower case, and
/// digits. `CostCenter`, `cost_center` and `Cost-Center` become `costcenter`. Empty for a key of
/// punctuation alone.
pub fn plain_tag_key(bare: &str) -> String {
    bare.chars().filter(|c| c.is_ascii_alphanumeric() || !c.is_ascii()).flat_map(char::to_lowercase).collect()
}

/// Returns true if two bare keys can be spellings of one tag.
pub fn is_alike_tag_key(one: &str, other: &str) -> bool {
    let plain = plain_tag_key(one);
    one == other || (!plain.is_empty() && plain == plain_tag_key(other))
}

/// The first part of the names of columns with the values of one tag.
const TAG: &str = "tag:";

/// The first part of the names of columns with the texts of one column of a source.
const EXTRA: &str = "extra:";

/// Marks an upper-case letter, because DuckDB and Spark do not distinguish columns by case.
const UPPER: char = '^';

/// Returns the name of the column with the values of one tag in a file of bill lines. `user:Team`
/// becomes `tag:user:^team`, and `^` becomes `^^`.
pub fn tag_column(key: &str) -> String {
    column(TAG, key)
}

/// Returns the key of a tag from the name of its column; none for other columns.
pub fn tag_of_column(name: &str) -> Option<String> {
    key_of_column(TAG, name)
}

/// Returns the name of the column for an entry of `extra` in a file of bill lines. `product/vCPU`
/// becomes `extra:product/v^c^p^u`.
pub fn extra_column(key: &str) -> String {
    column(EXTRA, key)
}

/// Returns the key of an entry of `extra` from the name of its column; none for other columns.
pub fn extra_of_column(name: &str) -> Option<String> {
    key_of_column(EXTRA, name)
}

fn column(kind: &str, key: &str) -> String {
    let mut name = kind.to_string();
    for c in key.chars() {
        if c == UPPER || c.is_ascii_uppercase() {
            name.push(UPPER);
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

fn key_of_column(kind: &str, name: &str) -> Option<String> {
    let mut rest = name.strip_prefix(kind)?.chars();
    let mut key = String::new();
    while let Some(c) = rest.next() {
        match c {
            UPPER => key.push(rest.next()?.to_ascii_uppercase()),
            other => key.push(other),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_tag_in_the_spelling_of_every_report() {
        let check = |key: &str, bare: &str, plain: &str| {
            assert_eq!(bare_tag_key(key), bare, "{key}");
            assert_eq!(plain_tag_key(bare), plain, "{key}");
        };
        check("CostCenter", "CostCenter", "costcenter");
        check("user:CostCenter", "CostCenter", "costcenter");
        check("user_cost_center", "cost_center", "costcenter");
        check("resource_tags_user_cost_center", "cost_center", "costcenter");
        check("resourceTags/user:CostCenter", "CostCenter", "costcenter");
        check("accountTag/CostCenter", "CostCenter", "costcenter");
        check("userAttribute/Cost Center", "Cost Center", "costcenter");
        check("iamPrincipal/cost-center", "cost-center", "costcenter");
        check("aws:createdBy", "aws:createdBy", "awscreatedby");
        check("user:", "user:", "user");
        check("Straße", "Straße", "straße");
        check("部門", "部門", "部門");
        check("-/-", "-/-", "");
        assert!(is_alike_tag_key("-/-", "-/-") && !is_alike_tag_key("-/-", "--"));
    }

    #[test]
    fn columns_of_tags_differ_in_more_than_case() {
        let check = |key: &str, column: &str| {
            assert_eq!(tag_column(key), column);
            assert_eq!(tag_of_column(column).as_deref(), Some(key));
        };
        check("user:team", "tag:user:team");
        check("user:Team", "tag:user:^team");
        check("AB^", "tag:^a^b^^");
        check("Übung", "tag:Übung");
        check("", "tag:");
        assert_eq!(tag_of_column("tags"), None);
        assert_eq!(extra_column("product/vCPU"), "extra:product/v^c^p^u");
        assert_eq!(extra_of_column("extra:product/v^c^p^u").as_deref(), Some("product/vCPU"));
        assert_eq!((extra_of_column("extra"), extra_of_column("tag:a")), (None, None));
    }
}
