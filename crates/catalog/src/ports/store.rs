//! The port to the lake, as the collector sees it.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use domain::Timestamp;

use super::Told;
use crate::{Batch, Dataset};

/// Why nothing was stored. Each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else writes the lake.
    #[error("{0} is being written by another process")]
    Locked(PathBuf),
    /// The lake was written by a newer version.
    #[error("the lake at {path} has format {found}, and this version writes {known}")]
    Newer {
        /// The lake.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format known here.
        known: u32,
    },
    /// The folder is not a lake and not empty.
    #[error("{0}")]
    Foreign(String),
    /// A source file is not what it should be.
    #[error("{0}")]
    BadFile(String),
    /// The file system refused.
    #[error("{0}")]
    Io(String),
}

/// The layout of a bill on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillLayout {
    /// FOCUS 1.0 to 1.2.
    Focus,
    /// AWS's Cost and Usage Report: the legacy one, or 2.0.
    Cur,
}

/// Opens a file of text, which may be compressed.
pub type OpenText<'a> = &'a dyn Fn(&Path) -> io::Result<Box<dyn BufRead>>;

/// Bills to import: CSV or Parquet.
#[derive(Clone, Copy)]
pub struct BillFiles<'a> {
    /// Their layout.
    pub layout: BillLayout,
    /// The files, which are imported together.
    pub paths: &'a [PathBuf],
    /// When they were made.
    pub observed_at: Timestamp,
    /// Together they are all there is of each bill that they speak of; otherwise they add to what is known.
    pub whole: bool,
    /// How a file of text is opened.
    pub open: OpenText<'a>,
}

/// What an import brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The dataset.
    pub dataset: &'static str,
    /// Rows read.
    pub read: u64,
    /// Rows kept.
    pub kept: u64,
    /// Bytes in the lake.
    pub bytes: u64,
    /// The manifest that shows them; none on a dry run.
    pub manifest: Option<u64>,
    /// What could not be read, a fragment each.
    pub gaps: Vec<String>,
}

/// What a commit made visible, read back from the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The manifest that shows it.
    pub manifest: u64,
    /// Rows that were added, a dataset each.
    pub rows: Vec<(&'static str, u64)>,
    /// Bytes that were added.
    pub bytes: u64,
}

/// A run that is being written. Dropped without a commit, it leaves nothing that is visible.
pub trait Run {
    /// Adds rows of a dataset, column by column, without `run_id`.
    fn add(&mut self, dataset: &'static Dataset, rows: &Batch) -> Result<(), StoreError>;

    /// Says what was told of a scope.
    fn tell(&mut self, told: Told) -> Result<(), StoreError>;

    /// Makes all of it visible at once, and reads back that it is.
    fn commit(self: Box<Self>, now: Timestamp) -> Result<Committed, StoreError>;
}

/// The lake.
pub trait Store {
    /// The lake's folder.
    fn root(&self) -> PathBuf;

    /// Names an import by the bytes that go in, whatever the files' order, so that the same files are recognised;
    /// and the files, each content once.
    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError>;

    /// The newest manifest, if it shows a run of that name.
    fn shown(&self, run_id: &str) -> Result<Option<u64>, StoreError>;

    /// Opens a run under the writer's lock; none when a run of that name is visible already, because what is
    /// visible is never written again. `run_id` names it and its files: lowercase letters, digits and `-`.
    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn Run + '_>>, StoreError>;

    /// Imports spot price history from Parquet files with the columns `observed_at, instance_type,
    /// region, az_id, spot_usd` (and, if there, `on_demand_usd`, which is not kept here). With
    /// `dry_run` nothing is written.
    fn import_spot_history(
        &self,
        paths: &[PathBuf],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Imported, StoreError>;

    /// Imports bills: charges of one or several accounts and months. The newest whole statement of an account's
    /// month holds. With `dry_run` nothing is written.
    fn import_bills(
        &self,
        files: &BillFiles<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Imported, StoreError>;

    /// Whether a file has the columns of a bill of that layout; if not, why, a lowercase fragment.
    fn probe_bill(&self, layout: BillLayout, path: &Path, open: OpenText<'_>) -> Result<(), String>;

    /// Whether a Parquet file has the columns of spot price history; if not, why, a lowercase fragment.
    fn probe_spot_history(&self, path: &Path) -> Result<(), String>;
}
