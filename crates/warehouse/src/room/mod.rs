//! The locked room: strangers' SQL runs in a child process that has given up everything it does not need.
//!
//! DuckDB's own settings are not enough: a SELECT can overwrite the files that it was allowed to read.
//! So the child sets limits, Landlock and a seccomp filter before it opens DuckDB and before any thread
//! starts; DuckDB's settings and a list of allowed statements come on top. The parent holds the clock:
//! DuckDB has no time limit, and one call can ignore an interrupt, so the parent kills.

mod inside;
mod lock;
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
    sql: String,
    memory_mib: u64,
    rows: u64,
    threads: u32,
    seconds: u64,
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

/// DuckDB's words without its own prefixes, in one line where they are one.
pub(crate) fn plain_words(text: &str) -> String {
    text.trim().trim_end_matches('\n').to_string()
}
