//! The measures of type names and test titles.

use std::collections::BTreeMap;

use super::tree::TreeFile;
use super::{MOST_ONE_WORD_TYPES, SHARED_TYPE_NAMES};

/// The type names and the test titles of a source tree.
#[derive(Debug, Clone, Default)]
pub struct NameMeasure {
    /// The places of each type name outside tests.
    pub types: BTreeMap<String, Vec<String>>,
    /// The places of test titles that begin with `what_`.
    pub what_titles: Vec<String>,
}

impl NameMeasure {
    /// Adds the names of a file.
    pub(crate) fn add(&mut self, file: &TreeFile) {
        if !file.path.ends_with(".rs") {
            return;
        }
        let is_test = ["/tests", "_tests"].iter().any(|part| file.path.contains(part))
            || file.path.starts_with("tests/")
            || file.path.starts_with("fuzz/");
        for (at, line) in file.text.lines().enumerate() {
            let place = format!("{}:{}", file.path, at + 1);
            if line.trim_start().starts_with("fn what_") {
                self.what_titles.push(place.clone());
            }
            if let Some(name) = type_name(line).filter(|_| !is_test) {
                self.types.entry(name.to_string()).or_default().push(place);
            }
        }
    }

    /// Returns the number of types.
    pub fn count(&self) -> usize {
        self.types.values().map(Vec::len).sum()
    }

    /// Returns the number of types whose name is one word.
    pub fn one_word_count(&self) -> usize {
        let one_word = |name: &str| name.chars().filter(char::is_ascii_uppercase).count() <= 1;
        self.types.iter().filter(|(name, _)| one_word(name)).map(|(_, places)| places.len()).sum()
    }

    /// Returns the names that stand for more than one type, with their places.
    pub fn shared(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        let is_shared =
            |name: &str, places: &[String]| places.len() > 1 && !SHARED_TYPE_NAMES.contains(&name);
        self.types.iter().filter(move |(name, places)| is_shared(name, places))
    }

    /// Returns one line for each broken rule.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found: Vec<String> = self
            .shared()
            .map(|(name, places)| format!("the type name {name} is used twice: {}", places.join(", ")))
            .collect();
        let (one_word, count) = (self.one_word_count(), self.count());
        if one_word * 100 > count * MOST_ONE_WORD_TYPES {
            found.push(format!(
                "{} % of the {count} type names are one word, at most {MOST_ONE_WORD_TYPES} % are allowed",
                one_word * 100 / count
            ));
        }
        found.extend(self.what_titles.iter().map(|place| format!("{place}: a test title begins with what_")));
        found
    }
}

/// Returns the name of the type that a line declares.
fn type_name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.strip_prefix(' ')?,
        None => line,
    };
    let keyword = ["struct ", "enum ", "trait ", "union "].iter().find_map(|word| line.strip_prefix(word))?;
    let end = keyword.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(keyword.len());
    let name = &keyword[..end];
    name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_types_are_found() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(type_name(line), expected, "{line}");
        check("pub struct PriceRow {", Some("PriceRow"));
        check("    pub(crate) enum Kind<T> {", Some("Kind"));
        check("struct Rows(u64);", Some("Rows"));
        check("pub trait Ask {", Some("Ask"));
        check("// struct Rows", None);
        check("pub fn f() {}", None);
        check("let structure = 1;", None);
    }
}
