//! The isolated query process: user SQL runs in a child process that keeps only the rights it
//! needs.
//!
//! DuckDB's own settings are not enough: a SELECT can overwrite the files that it may read. So the
//! child sets resource limits, Landlock and a seccomp filter before it opens DuckDB and before any
//! thread starts. DuckDB's settings and a list of allowed statements come on top. The parent
//! enforces the time limit by a kill, because DuckDB has no time limit and one call can ignore an
//! interrupt.

mod child;
mod parent;
mod restrictions;
#[cfg(test)]
mod restrictions_tests;
mod statement;

use catalog::ports::AskError;
use serde::{Deserialize, Serialize};

use crate::open::{WarehouseSource, WarehouseStorage};

pub use child::run_query_process;
pub(crate) use parent::query;
pub(crate) use statement::parse;

/// The first argument that makes the program run as the child. Users never type it.
pub const QUERY_PROCESS_ARGUMENT: &str = "--locked-room";

/// The request from the parent, as JSON on the child's standard input.
#[derive(Debug, Serialize, Deserialize)]
struct QueryProcessRequest {
    home: WarehouseStorage,
    sources: Vec<WarehouseSource>,
    /// The key of the stand-ins, if they are shown instead of names and ids.
    key: Option<String>,
    sql: String,
    memory_mib: u64,
    rows: u64,
    threads: u32,
    seconds: u64,
    /// Process id of the parent. A child with another parent was orphaned before it could arrange
    /// to die with its parent.
    parent: u32,
}

/// The last message of the child. Batches come before it, each as one Arrow IPC stream.
#[derive(Debug, Serialize, Deserialize)]
enum QueryProcessVerdict {
    Ended { rows: u64, truncated: bool, weaker: Vec<String>, tables: Vec<String>, micros: u64 },
    BadSql(String),
    Refused(String),
    OutOfMemory,
    Failed(String),
}

/// Frames on the child's standard output: a kind, the length (4 bytes, little-endian), the bytes.
const BATCH_FRAME: u8 = b'B';
const VERDICT_FRAME: u8 = b'V';

/// Maximum size of a frame in bytes, so that no answer can fill the parent's memory at once.
const FRAME: usize = 64 << 20;

/// Maximum size of a statement in bytes. Some work, such as the layout of a column's name, grows
/// with its square.
const STATEMENT: usize = 1 << 20;

impl QueryProcessVerdict {
    fn of(error: AskError) -> QueryProcessVerdict {
        match error {
            AskError::BadSql(text) => QueryProcessVerdict::BadSql(text),
            AskError::Refused(text) => QueryProcessVerdict::Refused(text),
            AskError::OutOfMemory(_) => QueryProcessVerdict::OutOfMemory,
            other => QueryProcessVerdict::Failed(other.to_string()),
        }
    }
}

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
    match text.char_indices().nth(WORDS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// Maximum number of characters of a message; the longest list of candidates has about 2000.
const WORDS: usize = 4000;

const TOO_DEEP: &str = "the statement is nested too deeply";

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
