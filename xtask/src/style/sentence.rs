//! Paragraphs of text for people, and their words and sentences.

use super::rust_text::{RustText, RustTextKind, rust_texts};
use super::tree::TreeFile;

/// The fewest words of a string that counts as a sentence for people.
const WORDS_OF_A_MESSAGE: usize = 3;

/// A paragraph of a comment, a document or a message, without code and addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextParagraph {
    /// The file, relative to the repository.
    pub(crate) path: String,
    /// Its lines: number, text, and columns where the line must fit (0 where it need not).
    pub(crate) lines: Vec<TextLine>,
}

/// A line of a paragraph.
#[derive(Debug, Clone)]
pub(crate) struct TextLine {
    /// The number, counted from 1.
    pub(crate) number: usize,
    /// The text without its marks.
    pub(crate) text: String,
    /// The columns that count against the limit; 0 for lines that may be longer.
    pub(crate) columns: usize,
}

/// Returns the paragraphs of a file.
pub(crate) fn paragraphs(file: &TreeFile) -> Vec<TextParagraph> {
    let mut builder =
        ParagraphBuilder { path: &file.path, found: Vec::new(), open: Vec::new(), fence: false };
    if file.path.ends_with(".rs") {
        add_rust(&mut builder, &file.text);
    } else if file.path.ends_with(".sql") {
        for (at, line) in file.text.lines().enumerate() {
            match line.trim_start().strip_prefix("--") {
                Some(text) => builder.add(at + 1, text, line),
                None => builder.close(),
            }
        }
    } else {
        for (at, line) in file.text.lines().enumerate() {
            builder.add(at + 1, line, line);
        }
    }
    builder.close();
    builder.found
}

fn add_rust(builder: &mut ParagraphBuilder, source: &str) {
    let lines: Vec<&str> = source.lines().collect();
    let mut before: Option<usize> = None;
    for RustText { line, kind, text } in rust_texts(source) {
        if kind != RustTextKind::CommentLine || before.is_none_or(|before| before + 1 != line) {
            builder.close();
            builder.fence = false;
        }
        before = (kind == RustTextKind::CommentLine).then_some(line);
        match kind {
            RustTextKind::CommentLine => {
                builder.add(line, &text, lines.get(line - 1).copied().unwrap_or_default());
            }
            RustTextKind::TrailingComment => builder.add(line, &text, ""),
            RustTextKind::Literal if words(&plain(&text)).count() >= WORDS_OF_A_MESSAGE => {
                text.lines().for_each(|text| builder.add(line, text, ""));
            }
            RustTextKind::Literal => {}
        }
    }
}

struct ParagraphBuilder<'a> {
    path: &'a str,
    found: Vec<TextParagraph>,
    open: Vec<TextLine>,
    /// Whether the line is inside a fenced block.
    fence: bool,
}

impl ParagraphBuilder<'_> {
    /// Adds a line: its text, and the whole line as it is in the file.
    fn add(&mut self, number: usize, text: &str, whole: &str) {
        let text = text.trim();
        if text.starts_with("```") {
            self.fence = !self.fence;
            self.close();
            return;
        }
        if self.fence {
            return;
        }
        if text.is_empty() || begins_item(text) {
            self.close();
        }
        let may_be_long = text.starts_with('|') || text.contains("http") || text.contains("](");
        let columns = if may_be_long { 0 } else { whole.chars().count() };
        if !text.is_empty() {
            self.open.push(TextLine { number, text: text.to_string(), columns });
        }
        if text.starts_with('#') {
            self.close();
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            let lines = std::mem::take(&mut self.open);
            self.found.push(TextParagraph { path: self.path.to_string(), lines });
        }
    }
}

/// Returns whether a line begins an item of a list, a row of a table or a heading.
fn begins_item(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_numbered = number.len() < text.len() && (number.starts_with(". ") || number.starts_with(") "));
    is_numbered || ["- ", "* ", "|", "#"].iter().any(|mark| text.starts_with(mark))
}

impl TextParagraph {
    /// Returns the text in one line, without code, addresses and flags.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        plain(&lines.join(" "))
    }

    /// Returns the place of the line that has a word, or of the first line.
    pub(crate) fn place_of(&self, phrase: &str) -> String {
        let first = phrase.split(' ').next().unwrap_or_default();
        let has = |line: &&TextLine| words(&line.text).any(|word| word.eq_ignore_ascii_case(first));
        let line = self.lines.iter().find(has).or(self.lines.first());
        format!("{}:{}", self.path, line.map_or(0, |line| line.number))
    }
}

/// Removes quoted code, placeholders, addresses, flags and commands.
fn plain(text: &str) -> String {
    if text.starts_with("$ ") {
        return String::new();
    }
    let text = without_between(&without_between(text, '`', '`'), '{', '}');
    let kept = text.split(' ').filter(|word| {
        let flag = word.trim_start_matches(['(', '[', '"']);
        let is_flag = flag.starts_with("--") && flag.len() > 2;
        !is_flag && !word.contains("://")
    });
    kept.collect::<Vec<_>>().join(" ")
}

/// Removes each span from `open` to the next `close`.
fn without_between(text: &str, open: char, close: char) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(open) {
        let Some((_, after)) = inside.split_once(close) else { break };
        kept.push_str(before);
        kept.push(' ');
        rest = after;
    }
    kept + rest
}

/// Returns the words of a text. Numbers and names with an underscore are none.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let tokens = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'' && c != '_');
    tokens.filter(|token| !token.contains('_') && token.contains(|c: char| c.is_ascii_alphabetic()))
}

/// Returns the number of words of each sentence that has more than two. A sentence ends at one of
/// `.!?:;` before a blank.
pub(crate) fn sentence_lengths(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        length +=
            word.split(|c: char| !c.is_ascii_alphanumeric() && c != '\'').filter(|w| !w.is_empty()).count();
        if word.ends_with(['.', '!', '?', ':', ';']) {
            lengths.push(std::mem::take(&mut length));
        }
    }
    lengths.push(length);
    lengths.retain(|length| *length > 2);
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, source: &str, expected: &[&str]) {
        let file = TreeFile { path: path.to_string(), text: source.to_string() };
        let found: Vec<String> = paragraphs(&file).iter().map(TextParagraph::text).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn texts_are_split_into_paragraphs() {
        check(
            "a.rs",
            "/// One\n/// two.\n///\n/// Three.\nfn f() {}\n// Four.",
            &["One two.", "Three.", "Four."],
        );
        check("a.rs", "/// Text.\n/// ```\n/// code here\n/// ```\n/// End.", &["Text.", "End."]);
        check("a.rs", "f(\"two words\"); g(\"these are three\");", &["these are three"]);
        check("a.rs", "//! * one\n//!   more\n//! * two", &["* one more", "* two"]);
        check("a.sql", "-- Head of\n-- a query.\nSELECT 1 -- not this\n", &["Head of a query."]);
        check(
            "a.md",
            "# Title\nText\n\n| a | b |\n1. first\n",
            &["# Title", "Text", "| a | b |", "1. first"],
        );
        check("a.md", "```\n$ code\n```\nText\n", &["Text"]);
    }

    #[test]
    fn code_is_removed_from_text() {
        let check = |text: &str, expected: &str| {
            assert_eq!(words(&plain(text)).collect::<Vec<_>>().join(" "), expected)
        };
        check("see `the code` here", "see here");
        check("{name} is not a number: {0}", "is not a number");
        check("use --limit=5 or (--all) to see https://a.b/c more", "use or to see more");
        check("$ truffle search what", "");
        check("an open ` stays", "an open stays");
        check("the column price_held has 10 digits", "the column has digits");
    }

    #[test]
    fn sentences_end_at_marks_before_blanks() {
        let check = |text: &str, expected: &[usize]| assert_eq!(sentence_lengths(text), expected, "{text}");
        check("One two three. Four five six seven", &[3, 4]);
        check("Version 1.5 is fine: yes it is", &[5, 3]);
        check("Too short. No.", &[]);
    }
}
