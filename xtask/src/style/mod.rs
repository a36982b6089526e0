//! Measures of the language and the names in a source tree.
//!
//! Measured are the comments and strings of Rust files, the heads of SQL files, and the documents
//! in Markdown. [`StyleReport::of`] measures a [`SourceTree`]; [`StyleReport::violations`] compares
//! the measures with the limits.

mod commit;
mod measure;
mod names;
mod rust_text;
mod sentence;
mod tree;

pub use commit::{LAST_UNCHECKED_COMMIT, LONGEST_SUBJECT, checked_subjects, subject_problem};
pub use measure::TextMeasure;
pub use names::NameMeasure;
pub use rust_text::rust_code;
pub use tree::{SourceTree, TreeFile};

use std::collections::BTreeMap;

use sentence::TextParagraph;

/// Words that turn a plain sentence into a riddle when they are frequent.
pub const RIDDLE_WORDS: [&str; 7] = ["what", "who", "whoever", "whose", "nobody", "somebody", "anybody"];

/// Words and phrases that STYLE.md replaces by terms of the field, with their inflections.
pub const INVENTED_WORDS: [&str; 19] = [
    "locked room",
    "giant",
    "giants",
    "door",
    "doors",
    "stranger",
    "strangers",
    "fold",
    "folds",
    "folded",
    "folding",
    "told",
    "brought",
    "landed",
    "passing",
    "held",
    "eyes",
    "spoken",
    "said",
];

/// The most riddle words in 100 words of a crate or a document.
pub const MOST_RIDDLE_WORDS: f64 = 0.4;

/// The most words of a median sentence.
pub const LONGEST_MEDIAN_SENTENCE: usize = 18;

/// The most columns of a comment or a line of a document.
pub const MOST_COLUMNS: usize = 100;

/// The fewest words of a document that is measured.
pub const MEASURED_DOCUMENT_WORDS: usize = 300;

/// The largest share of type names that are one bare word, in percent.
pub const MOST_ONE_WORD_TYPES: usize = 35;

/// Type names that each program crate may have.
pub const SHARED_TYPE_NAMES: [&str; 5] = ["Args", "Error", "Ports", "Command", "Cli"];

/// The measures of a source tree.
#[derive(Debug, Clone, Default)]
pub struct StyleReport {
    /// Measures by crate, `queries`, or path of a document.
    pub texts: BTreeMap<String, TextMeasure>,
    /// Measures of type names and test titles.
    pub names: NameMeasure,
}

impl StyleReport {
    /// Measures a source tree.
    pub fn of(tree: &SourceTree) -> StyleReport {
        let mut groups: BTreeMap<String, Vec<TextParagraph>> = BTreeMap::new();
        let mut names = NameMeasure::default();
        for file in tree.files() {
            let Some(group) = group_of(&file.path) else { continue };
            groups.entry(group).or_default().extend(sentence::paragraphs(file));
            names.add(file);
        }
        let texts = groups.into_iter().map(|(name, texts)| (name, TextMeasure::of(&texts))).collect();
        StyleReport { texts, names }
    }

    /// Returns one line for each limit that is exceeded and each forbidden word, with its place.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (group, measure) in &self.texts {
            let is_document = group.ends_with(".md");
            if !is_document || measure.words >= MEASURED_DOCUMENT_WORDS {
                found.extend(measure.exceeded_limits(group));
            }
            found.extend(measure.invented.iter().cloned());
            found.extend(measure.long_lines.iter().cloned());
        }
        found.extend(self.names.violations());
        found
    }
}

/// Returns the name under which a file is measured: its crate, `queries`, or its own path.
/// `None` for files without text for people.
fn group_of(path: &str) -> Option<String> {
    if path.ends_with(".md") {
        return Some(path.to_string());
    }
    if !path.ends_with(".rs") && !path.ends_with(".sql") {
        return None;
    }
    let mut folders = path.split('/');
    match (folders.next()?, folders.next()) {
        ("crates", Some(name)) => Some(format!("crates/{name}")),
        (top, _) => Some(top.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(files: &[(&str, &str)]) -> StyleReport {
        StyleReport::of(&SourceTree::from_texts(files))
    }

    #[test]
    fn files_are_grouped_by_crate_or_document() {
        let check = |path: &str, expected: Option<&str>| assert_eq!(group_of(path).as_deref(), expected);
        check("crates/lake/src/lib.rs", Some("crates/lake"));
        check("sandbox/src/engine/mod.rs", Some("sandbox"));
        check("queries/price/current.sql", Some("queries"));
        check("docs/spawn.md", Some("docs/spawn.md"));
        check("crates/lake/Cargo.toml", None);
    }

    #[test]
    fn each_rule_finds_its_violation() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            assert_eq!(report(&[(path, text)]).violations(), expected, "{text}");
        };
        check("xtask/src/a.rs", "// Returns the price of a type.\n", &[]);
        check(
            "xtask/src/a.rs",
            "// door\n",
            &[&format!("xtask/src/a.rs:1: invented word: {}", INVENTED_WORDS[3])],
        );
        check("xtask/src/a.rs", "// `Door` is\n", &[]);
        check(
            "xtask/src/a.rs",
            "// Returns what it found.\n",
            &["xtask: 25.00 riddle words in 100 words, at most 0.40 are allowed"],
        );
        check(
            "xtask/src/a.rs",
            &format!("// {}\n", "a".repeat(98)),
            &["xtask/src/a.rs:1: 101 columns, at most 100 are allowed"],
        );
        check(
            "xtask/src/a.rs",
            &format!("// {}end.\n", "word word word word word word word word word\n// ".repeat(3)),
            &["xtask: the median sentence has 28 words, at most 18 are allowed"],
        );
        check(
            "docs/short.md",
            "said\n",
            &[&format!("docs/short.md:1: invented word: {}", INVENTED_WORDS[18])],
        );
        check(
            "xtask/src/a.rs",
            "fn what_happens() {}\n",
            &["xtask/src/a.rs:1: a test title begins with what_"],
        );
        check(
            "xtask/src/a.rs",
            "struct PriceRow;\npub enum PriceRow {}\n",
            &["the type name PriceRow is used twice: xtask/src/a.rs:1, xtask/src/a.rs:2"],
        );
        check(
            "xtask/src/a.rs",
            "struct Price;\nstruct PriceRow;\n",
            &["50 % of the 2 type names are one word, at most 35 % are allowed"],
        );
    }
}
