//! The ports: traits that the wrapper crates implement and the programs use.

mod damage;
mod gap;
mod scope_report;
mod source;
mod store;

pub use damage::LakeDamage;
pub use gap::Gap;
pub use scope_report::{ScopeOutcome, ScopeReport};
pub use source::{
    AwsDocument, CapacityRequest, CostGroup, DocumentSummary, GET_OBJECT, HEARTBEATS, LIST_BUCKET, METRICS,
    PartSink, ProfileAccount, PublicFile, S3Bucket, S3Object, SnapshotQuery, SnapshotRequest,
    SnapshotRowSink, Source, SourceError, describe_clock_skew,
};
pub use store::{
    AddedRows, BillCoverage, BillFiles, BillLayout, BillOrigin, BundleReport, CommitReport, DamagedFile,
    DatasetResize, DatasetSize, ImportReport, LakeContent, MaintenanceReport, RetentionRule, RunLogRow,
    RunWriter, SignatureCheck, Store, StoreError, TextOpener, VerificationReport,
};

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{Field, Page, Question, Value};

/// A flag that stops a long call. A signal handler may set it.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Returns the flag itself, for a signal handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }

    /// Whether a stop was requested.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Clears the request, so that the next call can run.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Reasons why a question was not answered. Each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The statement or a value in it is wrong. The text is DuckDB's message.
    #[error("{0}")]
    BadSql(String),
    /// The statement is not allowed to run.
    #[error("{0}")]
    Refused(String),
    /// It ran longer than its time limit.
    #[error("the query was stopped after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It needed more memory than its limit, MiB.
    #[error("the query needs more than the {0} MiB it may use")]
    OutOfMemory(u64),
    /// A stop was requested.
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
    /// The folder is not a lake, or its data cannot be read.
    #[error("{0}")]
    Lake(String),
    /// The lake is damaged.
    #[error(transparent)]
    Damaged(#[from] LakeDamage),
    /// Any other failure, such as a full disk.
    #[error("{0}")]
    Failed(String),
}

/// A statement of user SQL and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserQuery {
    /// One statement.
    pub sql: String,
    /// Wall-clock time limit.
    pub time: Duration,
    /// Memory limit, MiB.
    pub memory_mib: u64,
    /// Maximum number of rows; 0 is unlimited.
    pub rows: u64,
    /// Number of threads; 0 is one per core.
    pub threads: u32,
}

/// The summary of a finished query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuerySummary {
    /// The result's columns.
    pub fields: Vec<Field>,
    /// Number of rows delivered.
    pub rows: u64,
    /// Whether the result has more rows than the limit.
    pub truncated: bool,
    /// Protections that this machine lacks, one sentence each.
    pub weaker: Vec<String>,
    /// Tables and views that the statement reads, by name; common table expressions are left out.
    pub tables: Vec<String>,
    /// Wall-clock time inside the query process.
    pub elapsed: Duration,
}

/// A table of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarehouseTable {
    /// The name.
    pub name: String,
    /// The description for users.
    pub doc: String,
    /// The columns.
    pub fields: Vec<Field>,
    /// Number of rows.
    pub rows: u64,
}

/// Receives the pages of a long answer. An error ends the answer with its text.
pub type PageSink<'a> = &'a mut dyn FnMut(Page) -> Result<(), String>;

/// A named question and the values of its `$name` parameters.
pub type BoundQuestion = (&'static Question, Vec<(String, Value)>);

/// The warehouse, as the programs use it.
pub trait Ask {
    /// Answers a named question. `values` are bound to its `$name` parameters.
    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError>;

    /// Answers several questions, the first in parallel with the others if possible. The answers
    /// have the order of the questions.
    fn ask_all(&self, asked: &[BoundQuestion]) -> Vec<Result<Page, AskError>> {
        asked.iter().map(|(question, values)| self.ask(question, values)).collect()
    }

    /// Runs user SQL in the isolated query process. The sink gets at least one page, even without
    /// rows.
    fn query(&self, query: &UserQuery, stop: &StopFlag, sink: PageSink<'_>)
    -> Result<QuerySummary, AskError>;

    /// Returns all rows of a table or view.
    fn table(&self, name: &str) -> Result<Page, AskError>;

    /// Returns the names of the tables and views that a named question reads.
    fn tables_of(&self, question: &Question) -> Result<Vec<String>, AskError>;

    /// Returns the tables that user SQL can read.
    fn tables(&self) -> Result<Vec<WarehouseTable>, AskError>;

    /// Returns the location of the data: the lake's folder and manifest, or the seed alone.
    fn place(&self) -> DataLocation;
}

/// The location of the data behind the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataLocation {
    /// The lake's folder, if there is a lake.
    pub lake: Option<PathBuf>,
    /// Number of the manifest in use; 0 is the seed alone.
    pub manifest: u64,
    /// The warehouse file, if one could be written.
    pub warehouse: Option<PathBuf>,
}

/// A binary columnar format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnarFormat {
    /// Apache Parquet, zstd.
    Parquet,
    /// Arrow IPC file (Feather V2).
    Arrow,
}

/// Writes pages in a binary columnar format.
pub trait Encode {
    /// Opens a writer for rows with these columns.
    fn start<'a>(
        &self,
        fields: &[Field],
        format: ColumnarFormat,
        out: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String>;
}

/// An open columnar file.
pub trait Encoder {
    /// Appends a page with the columns that were given to [`Encode::start`].
    fn page(&mut self, page: &Page) -> Result<(), String>;
    /// Writes the remaining rows and the footer.
    fn finish(self: Box<Self>) -> Result<(), String>;
}
