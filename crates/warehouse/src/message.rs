//! DuckDB's error messages, as users see them.

use catalog::ports::AskError;

/// Converts DuckDB's error, according to its text.
pub(crate) fn failure(text: &str) -> AskError {
    let words = plain_message(text);
    if ["Out of Memory Error", "bad allocation", "failed to allocate"].iter().any(|sign| text.contains(sign))
    {
        AskError::OutOfMemory(0)
    } else if text.starts_with("Permission Error: ") {
        AskError::Refused(words)
    } else {
        AskError::BadSql(words)
    }
}

/// Returns DuckDB's message without its error class, without advice on settings that are fixed
/// here, and without a stack trace.
pub(crate) fn plain_message(text: &str) -> String {
    // The rest describes DuckDB's code, not the statement.
    let end = ["\n\nStack Trace:", "\nThis error signals an assertion failure"];
    let text = end.iter().filter_map(|mark| text.find(mark)).min().map_or(text, |at| &text[..at]);
    let text = without_class(text.trim());
    // Both mean that the parser's stack is full; the message depends on the nested construct.
    if text.contains("Max expression depth limit") || text.contains("memory exhausted at or near") {
        return TOO_DEEP.into();
    }
    // Some errors quote a whole value, and a statement can make a value of any length.
    let text = match text.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    };
    with_breaks_of_duckdb(&text)
}

/// Returns a message with only those line breaks that DuckDB adds itself. A value that it quotes
/// may contain others.
fn with_breaks_of_duckdb(text: &str) -> String {
    let begins_line = |rest: &str| {
        let marks = ["LINE ", "\nLINE ", "Did you mean", "Candidate"];
        rest.trim_matches(' ') == "^" || marks.iter().any(|mark| rest.starts_with(mark))
    };
    let mut pieces = text.split_inclusive('\n').scan(0, |from, piece| {
        *from += piece.len();
        Some((piece, &text[*from..]))
    });
    pieces.by_ref().fold(String::new(), |message, (piece, rest)| match piece.strip_suffix('\n') {
        Some(line) if begins_line(rest) => message + line + "\n",
        Some(line) => message + line + "\\n",
        None => message + piece,
    })
}

/// Maximum number of characters of a message; the longest list of candidates has about 2000.
const WORDS: usize = 4000;

/// The message for a statement that fills the parser's stack.
pub(crate) const TOO_DEEP: &str = "the statement is nested too deeply";

/// Removes error classes: "Binder Error: Catalog Error: x" becomes "x".
fn without_class(text: &str) -> &str {
    let class =
        |head: &str| head.ends_with(" Error") && head.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    match text.split_once(": ") {
        Some((head, rest)) if class(head) => without_class(rest),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_class_and_stack_trace_from_messages() {
        let check = |text: &str, expected: &str| assert_eq!(plain_message(text), expected, "{text}");
        check(
            "Catalog Error: Table x does not exist!\nDid you mean \"y\"?",
            "Table x does not exist!\nDid you mean \"y\"?",
        );
        check("Binder Error: Catalog Error: no\n\nLINE 1: x\n        ^", "no\n\nLINE 1: x\n        ^");
        check(
            "Conversion Error: Could not convert string 'a\nhint: b' to INT32\n\nLINE 1: x\n  ^",
            "Could not convert string 'a\\nhint: b' to INT32\n\nLINE 1: x\n  ^",
        );
        check("Invalid Input Error: my own: text", "my own: text");
        check("an Error", "an Error");
        check("INTERNAL Error: oh\n\nStack Trace:\n\n/build/duckdb.so", "oh");
        check("Parser Error: Max expression depth limit of 1000 exceeded. Use \"SET x\"", TOO_DEEP);
        check("Parser Error: memory exhausted at or near \"(\"", TOO_DEEP);
        check("", "");
    }

    #[test]
    fn classifies_duckdb_errors() {
        let check = |text: &str, expected: AskError| assert_eq!(failure(text), expected, "{text}");
        check("Out of Memory Error: could not", AskError::OutOfMemory(0));
        check("Invalid Error: std::bad_alloc: bad allocation", AskError::OutOfMemory(0));
        check("Permission Error: no file", AskError::Refused("no file".into()));
        check("Binder Error: no", AskError::BadSql("no".into()));
    }
}
