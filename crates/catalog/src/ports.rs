//! The ports: what programs may ask of the rooms that hold a foreign giant.

mod source;
mod store;
mod told;

pub use source::{
    Account, Asked, Bucket, CostGroup, Delivered, Document, Fetched, GET_OBJECT, HEARTBEATS, LIST_BUCKET,
    Look, METRICS, Object, PartSink, Room, SeenSink, Source, SourceError, skew,
};
pub use store::{
    BillFiles, BillLayout, BillOrigin, Brought, Bundled, Committed, Imported, Keep, Logged, OpenText,
    Resized, Run, Sealed, Shown, Size, Store, StoreError, Tidied,
};
pub use told::{Outcome, Told};

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{Field, Page, Question, Value};

/// A flag that asks a long call to stop; it may be set from a signal handler.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// The flag itself, to hand to a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether somebody asked to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Takes the request back, so that the next call can run.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Why a question was not answered. Each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The statement or a value in it is wrong; DuckDB's own words.
    #[error("{0}")]
    BadSql(String),
    /// The statement is not one that may run.
    #[error("{0}")]
    Refused(String),
    /// It ran longer than it may.
    #[error("the query was stopped after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It needed more memory than it may.
    #[error("the query needs more than the {0} MiB it may use")]
    OutOfMemory(u64),
    /// Somebody asked to stop.
    #[error("the query was interrupted")]
    Interrupted,
    /// The lake was written by a newer version.
    #[error("the lake at {path} has format {found}, and this version reads up to {known}")]
    Newer {
        /// The lake.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The highest format known here.
        known: u32,
    },
    /// The folder is not a lake, or a file of it is damaged.
    #[error("{0}")]
    Lake(String),
    /// Anything else that failed, such as a full disk.
    #[error("{0}")]
    Failed(String),
}

/// A stranger's statement and the bounds it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// One statement.
    pub sql: String,
    /// Wall-clock bound.
    pub time: Duration,
    /// Memory bound, MiB.
    pub memory_mib: u64,
    /// Rows at most; 0 is unlimited.
    pub rows: u64,
    /// Threads; 0 is one per core.
    pub threads: u32,
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The result's columns.
    pub fields: Vec<Field>,
    /// Rows that were handed over.
    pub rows: u64,
    /// There were more rows than were asked for.
    pub truncated: bool,
    /// What protects less than usual on this machine, a sentence each.
    pub weaker: Vec<String>,
    /// Wall-clock time inside the room.
    pub elapsed: Duration,
}

/// A table of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub doc: String,
    /// Its columns.
    pub fields: Vec<Field>,
    /// Rows.
    pub rows: u64,
}

/// Takes the pages of a long answer. An error ends the answer with that text.
pub type PageSink<'a> = &'a mut dyn FnMut(Page) -> Result<(), String>;

/// A named question, and the values that are bound to its `$name`.
pub type Bound = (&'static Question, Vec<(String, Value)>);

/// The warehouse, as programs see it.
pub trait Ask {
    /// From now on shows stand-ins for whatever names a person, a machine or an account: the same text has the same
    /// stand-in under the same key.
    fn redact(&mut self, key: &str) -> Result<(), AskError>;

    /// Answers a named question. `values` are bound to `$name`.
    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError>;

    /// Answers several questions, the first beside the others where that can be; the answers are in their order.
    fn ask_all(&self, asked: &[Bound]) -> Vec<Result<Page, AskError>> {
        asked.iter().map(|(question, values)| self.ask(question, values)).collect()
    }

    /// Runs a stranger's statement in the locked room. The first page comes even when there is no row.
    fn query(&self, query: &Query, stop: &Stop, sink: PageSink<'_>) -> Result<Ended, AskError>;

    /// The tables that a stranger's statement can read.
    fn tables(&self) -> Result<Vec<Table>, AskError>;

    /// Where the data is: the lake's folder and manifest, or the seed alone.
    fn place(&self) -> Place;
}

/// Where answers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The lake's folder, when there is a lake.
    pub lake: Option<PathBuf>,
    /// The manifest that is answered from; 0 is the seed alone.
    pub manifest: u64,
    /// The warehouse file, when one could be written.
    pub warehouse: Option<PathBuf>,
}

/// A binary columnar format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columnar {
    /// Apache Parquet, zstd.
    Parquet,
    /// Arrow IPC file (Feather V2).
    Arrow,
}

/// Writes pages in a binary columnar format.
pub trait Encode {
    /// Opens a writer for rows of these columns.
    fn start<'a>(
        &self,
        fields: &[Field],
        format: Columnar,
        out: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String>;
}

/// An open columnar file.
pub trait Encoder {
    /// Adds a page, which has the columns that the file was opened with.
    fn page(&mut self, page: &Page) -> Result<(), String>;
    /// Writes what is left and the footer.
    fn finish(self: Box<Self>) -> Result<(), String>;
}
