//! The locked room: strangers' SQL runs in a child process that has given up everything it does not need.
//!
//! DuckDB's own settings are not enough: a SELECT can overwrite the files that it was allowed to read.
//! So the child sets limits, Landlock and a seccomp filter before it opens DuckDB and before any thread
//! starts; DuckDB's settings and a list of allowed statements come on top. The parent holds the clock:
//! DuckDB has no time limit, and one call can ignore an interrupt, so the parent kills.

mod inside;
mod lock;
#[cfg(test)]
mod lock_tests;
mod parent;
mod statement;

use catalog::ports::AskError;
use serde::{Deserialize, Serialize};

use crate::open::{Home, Source};

pub use inside::enter;
pub(crate) use parent::query;

/// The first argument by which the program knows that it is the child: no person types it.
pub const ROOM_ARGUMENT: &str = "--locked-room";

/// What the parent tells the child, as JSON on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    home: Home,
    sources: Vec<Source>,
    /// The key of stand-ins, where they are shown instead of names and ids.
    key: Option<String>,
    sql: String,
    memory_mib: u64,
    rows: u64,
    threads: u32,
    seconds: u64,
    /// Who asks: a child that finds another parent was orphaned before it could ask to die with it.
    parent: u32,
}

/// What the child says last. Batches come before it, each as one Arrow IPC stream.
#[derive(Debug, Serialize, Deserialize)]
enum Verdict {
    Ended { rows: u64, truncated: bool, weaker: Vec<String>, micros: u64 },
    BadSql(String),
    Refused(String),
    OutOfMemory,
    Failed(String),
}

/// Frames on the child's standard output: a kind, the length (4 bytes, little end first), the bytes.
const BATCH: u8 = b'B';
const VERDICT: u8 = b'V';

/// The largest frame that is sent and believed, so that no answer can fill the parent's memory at once.
const FRAME: usize = 64 << 20;

/// The longest statement. Some work, such as laying out a column's name, grows with its square.
const STATEMENT: usize = 1 << 20;

impl Verdict {
    fn of(error: AskError) -> Verdict {
        match error {
            AskError::BadSql(text) => Verdict::BadSql(text),
            AskError::Refused(text) => Verdict::Refused(text),
            AskError::OutOfMemory(_) => Verdict::OutOfMemory,
            other => Verdict::Failed(other.to_string()),
        }
    }
}

/// DuckDB's failure as ours, by what it says.
pub(crate) fn failure(text: &str) -> AskError {
    let words = plain_words(text);
    if ["Out of Memory Error", "bad allocation", "failed to allocate"].iter().any(|sign| text.contains(sign))
    {
        AskError::OutOfMemory(0)
    } else if text.starts_with("Permission Error: ") {
        AskError::Refused(words)
    } else {
        AskError::BadSql(words)
    }
}

/// DuckDB's words without the name of its error class, without settings that nobody may change here,
/// and without a trace of its own code.
pub(crate) fn plain_words(text: &str) -> String {
    // What follows describes DuckDB's code, not the statement.
    let end = ["\n\nStack Trace:", "\nThis error signals an assertion failure"];
    let text = end.iter().filter_map(|mark| text.find(mark)).min().map_or(text, |at| &text[..at]);
    let text = without_class(text.trim());
    // Both say that the parser's stack is full; which one comes depends on what is nested.
    if text.contains("Max expression depth limit") || text.contains("memory exhausted at or near") {
        return TOO_DEEP.into();
    }
    // Some errors quote a whole value, which a statement can make as long as it likes.
    match text.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// Characters of DuckDB's words at most: the longest list of candidates has about two thousand.
const WORDS: usize = 4000;

const TOO_DEEP: &str = "the statement is nested too deeply";

/// "Binder Error: Catalog Error: x" is "x".
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
    fn words_for_people() {
        let check = |text: &str, expected: &str| assert_eq!(plain_words(text), expected, "{text}");
        check(
            "Catalog Error: Table x does not exist!\nDid you mean \"y\"?",
            "Table x does not exist!\nDid you mean \"y\"?",
        );
        check("Binder Error: Catalog Error: no\n\nLINE 1: x\n        ^", "no\n\nLINE 1: x\n        ^");
        check("Invalid Input Error: my own: text", "my own: text");
        check("an Error", "an Error");
        check("INTERNAL Error: oh\n\nStack Trace:\n\n/build/duckdb.so", "oh");
        check("Parser Error: Max expression depth limit of 1000 exceeded. Use \"SET x\"", TOO_DEEP);
        check("Parser Error: memory exhausted at or near \"(\"", TOO_DEEP);
        check("", "");
    }

    #[test]
    fn failures_by_kind() {
        let check = |text: &str, expected: AskError| assert_eq!(failure(text), expected, "{text}");
        check("Out of Memory Error: could not", AskError::OutOfMemory(0));
        check("Invalid Error: std::bad_alloc: bad allocation", AskError::OutOfMemory(0));
        check("Permission Error: no file", AskError::Refused("no file".into()));
        check("Binder Error: no", AskError::BadSql("no".into()));
    }
}
