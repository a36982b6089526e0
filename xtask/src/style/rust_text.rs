//! The comments and strings of a Rust file.

/// A comment line or a string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RustText {
    /// The line on which it begins, counted from 1.
    pub(crate) line: usize,
    /// The kind of text.
    pub(crate) kind: RustTextKind,
    /// The text without its marks.
    pub(crate) text: String,
}

/// The kinds of text in a Rust file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RustTextKind {
    /// A line that has nothing but a comment.
    CommentLine,
    /// A comment after code.
    TrailingComment,
    /// A string.
    Literal,
}

/// Returns the comments and strings of a file in their order.
pub(crate) fn rust_texts(source: &str) -> Vec<RustText> {
    RustReader::read(source).found
}

/// Returns a file without its comments, strings and character literals. Line breaks stay, so that
/// each line keeps its number.
pub fn rust_code(source: &str) -> String {
    RustReader::read(source).code
}

struct RustReader<'a> {
    rest: &'a str,
    line: usize,
    /// Whether the current line has code before the rest.
    has_code: bool,
    /// Whether the bytes that are taken are code, and no comment or literal.
    in_code: bool,
    code: String,
    found: Vec<RustText>,
}

impl<'a> RustReader<'a> {
    fn read(source: &'a str) -> RustReader<'a> {
        let mut reader = RustReader {
            rest: source,
            line: 1,
            has_code: false,
            in_code: true,
            code: String::new(),
            found: Vec::new(),
        };
        while reader.step() {}
        reader
    }

    /// Reads one token. Returns false at the end of the file.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let is_literal = raw_string_marks(self.rest).is_some()
            || first == '"'
            || (first == '\'' && quote_length(self.rest) > 1);
        self.in_code = !is_literal && !self.rest.starts_with("//") && !self.rest.starts_with("/*");
        if self.rest.starts_with("//") {
            self.comment();
        } else if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").map_or(self.rest.len(), |at| at + 2);
            self.take(end);
        } else if let Some(marks) = raw_string_marks(self.rest) {
            self.raw_string(marks);
        } else if first == '"' {
            self.string();
        } else if first == '\'' {
            self.take(quote_length(self.rest));
        } else if is_word(first) {
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            self.take(end);
        } else {
            self.take(first.len_utf8());
        }
        true
    }

    /// Advances over some bytes of code and returns them.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        let newlines = taken.matches('\n').count();
        self.line += newlines;
        match self.in_code {
            true => self.code.push_str(taken),
            false => self.code.push_str(&"\n".repeat(newlines)),
        }
        let last_line = taken.rsplit('\n').next().unwrap_or_default();
        let has_newline = last_line.len() < taken.len();
        self.has_code = (self.has_code && !has_newline) || !last_line.trim().is_empty();
        taken
    }

    fn comment(&mut self) {
        let kind = if self.has_code { RustTextKind::TrailingComment } else { RustTextKind::CommentLine };
        let (line, end) = (self.line, self.rest.find('\n').unwrap_or(self.rest.len()));
        let text = self.take(end)[2..].trim_start_matches(['/', '!']).to_string();
        self.found.push(RustText { line, kind, text });
    }

    fn raw_string(&mut self, marks: usize) {
        let line = self.line;
        let begin = self.rest.find('"').map_or(self.rest.len(), |at| at + 1);
        self.take(begin);
        let close = format!("\"{}", "#".repeat(marks));
        let end = self.rest.find(&close).unwrap_or(self.rest.len());
        let text = self.take(end).to_string();
        self.take(close.len().min(self.rest.len()));
        self.found.push(RustText { line, kind: RustTextKind::Literal, text });
    }

    fn string(&mut self) {
        let line = self.line;
        self.take(1);
        let mut text = String::new();
        while let Some(next) = self.rest.chars().next() {
            self.take(next.len_utf8());
            match next {
                '"' => break,
                '\\' => text.push_str(&self.escape()),
                other => text.push(other),
            }
        }
        self.found.push(RustText { line, kind: RustTextKind::Literal, text });
    }

    /// Reads an escape sequence after its backslash and returns the text that it stands for.
    fn escape(&mut self) -> String {
        let Some(next) = self.rest.chars().next() else { return String::new() };
        self.take(next.len_utf8());
        match next {
            'n' => "\n".to_string(),
            '\n' => {
                let blanks = self.rest.len() - self.rest.trim_start().len();
                self.take(blanks);
                String::new()
            }
            '"' | '\\' | '\'' => next.to_string(),
            _ => " ".to_string(),
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the number of `#` of a raw string that begins here.
fn raw_string_marks(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let after = rest.trim_start_matches('#');
    after.starts_with('"').then(|| rest.len() - after.len())
}

/// Returns the bytes of a character literal, or 1 for the mark of a lifetime.
fn quote_length(text: &str) -> usize {
    let mut characters = text[1..].char_indices();
    match characters.next() {
        Some((_, '\\')) => text[3.min(text.len())..].find('\'').map_or(1, |at| at + 4),
        Some(_) => match characters.next() {
            Some((at, '\'')) => at + 2,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_found() {
        let check = |source: &str, expected: &[(usize, RustTextKind, &str)]| {
            let found = rust_texts(source);
            let found: Vec<_> = found.iter().map(|t| (t.line, t.kind, t.text.as_str())).collect();
            assert_eq!(found, expected, "{source}");
        };
        use RustTextKind::{CommentLine, Literal, TrailingComment};
        check("/// One.\nfn f() {} // two\n", &[(1, CommentLine, " One."), (2, TrailingComment, " two")]);
        check(
            "let a = \"no // comment\";\n//! end",
            &[(1, Literal, "no // comment"), (2, CommentLine, " end")],
        );
        check("\"a\\n\\\"b\\\"\"", &[(1, Literal, "a\n\"b\"")]);
        check("\"one \\\n   two\" // c", &[(1, Literal, "one two"), (2, TrailingComment, " c")]);
        check("r#\"a \"b\" c\"# + r\"d\"", &[(1, Literal, "a \"b\" c"), (1, Literal, "d")]);
        check("'\"' '\\'' '\\u{1}' &'a \"x\"", &[(1, Literal, "x")]);
        check("for_r\"a\"", &[(1, Literal, "a")]);
        check("/* \"a\" */ b'\"' \"\\u{e9}\"", &[(1, Literal, " {e9}")]);
    }

    #[test]
    fn code_has_no_comments_and_literals() {
        let check = |source: &str, expected: &str| assert_eq!(rust_code(source), expected, "{source}");
        check("a(\"b\"); // c\nd('{') /* e\n */ f::<'g>()", "a(); \nd() \n f::<'g>()");
        check("let a = r#\"{\n\"#;", "let a = \n;");
    }
}
