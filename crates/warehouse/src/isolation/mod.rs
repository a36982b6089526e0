//! The isolated query process: user SQL runs in a child process that keeps only the rights it
//! needs.
//!
//! DuckDB's own settings are not enough: a SELECT can overwrite the files that it may read. So the
//! child sets resource limits, Landlock and a seccomp filter before it opens DuckDB and before any
//! thread starts. DuckDB's settings and a list of allowed statements come on top. The parent
//! enforces the time limit by a kill, because DuckDB has no time limit and one call can ignore an
//! interrupt.
//!
//! The steps of one statement:
//!
//! 1. The parent starts its own executable with one argument and sends the request through a pipe.
//! 2. The child restricts itself, and parses the statement with DuckDB's parser on a connection
//!    without data.
//! 3. It checks the tree: one SELECT, with known nodes and known table functions.
//! 4. It locks DuckDB's settings, runs the statement, and answers in Arrow frames.

mod child;
mod parent;
mod restrictions;
#[cfg(test)]
mod restrictions_tests;
mod statement;

use catalog::ports::AskError;
use serde::{Deserialize, Serialize};

use crate::open::WarehouseStorage;
use crate::source::WarehouseSource;

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
