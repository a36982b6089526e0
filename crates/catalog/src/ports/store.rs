//! The port to the lake, as the collector sees it.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use domain::Timestamp;

use super::Told;
use crate::{Batch, Dataset};

/// Why nothing was stored. Each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else writes the lake.
    #[error("{path} is being written by {by}")]
    Locked {
        /// The lake.
        path: PathBuf,
        /// Who, in words: process, machine and command, as far as they are known.
        by: String,
    },
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
    /// The delivery that they are, if it has a name; otherwise the files' names stand for it.
    pub origin: Option<BillOrigin<'a>>,
}

/// A delivery of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillOrigin<'a> {
    /// Where it is from, such as `s3://bucket/exports/daily`.
    pub source: &'a str,
    /// What names its state: the same name, the same bytes.
    pub version: &'a str,
}

/// What an import brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What the files said of each scope; nothing where the lake has shown the same files already.
    pub told: Vec<Told>,
    /// What is new in the lake; on a dry run what would be if all of it were.
    pub brought: Brought,
    /// The manifest that shows it; none on a dry run.
    pub manifest: Option<u64>,
}

impl Imported {
    /// Rows that were read.
    pub fn read(&self) -> u64 {
        self.told.iter().map(|told| told.rows).sum()
    }

    /// The same files were imported before, and that manifest shows them.
    pub fn before(dataset: &'static str, manifest: Option<u64>) -> Imported {
        Imported { told: Vec::new(), brought: Brought { dataset, ..Brought::default() }, manifest }
    }

    /// Files that were read, of which nothing was written.
    pub fn dry(dataset: &'static str, told: Vec<Told>) -> Imported {
        let mut brought = Brought { dataset, ..Brought::default() };
        for told in &told {
            brought.rows += told.rows;
            *brought.scopes.entry(told.scope.clone()).or_default() += told.rows;
        }
        Imported { told, brought, manifest: None }
    }

    /// Files that were taken in.
    pub fn landed(dataset: &'static str, told: Vec<Told>, committed: &Committed) -> Imported {
        Imported { told, brought: committed.of(dataset), manifest: Some(committed.manifest) }
    }
}

/// What a run brought of one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Brought {
    /// The dataset.
    pub dataset: &'static str,
    /// Rows that were added.
    pub rows: u64,
    /// The same, scope by scope; files that were taken as they are belong to none.
    pub scopes: BTreeMap<String, u64>,
    /// Bytes of the files that hold them.
    pub bytes: u64,
}

/// What a commit made visible, read back from the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The manifest that shows it.
    pub manifest: u64,
    /// What was added, a dataset each.
    pub brought: Vec<Brought>,
    /// Bytes that were added, those of the log too.
    pub bytes: u64,
}

impl Committed {
    /// Rows that were added, whatever their dataset.
    pub fn rows(&self) -> u64 {
        self.brought.iter().map(|brought| brought.rows).sum()
    }

    /// What was added of a dataset.
    pub fn of(&self, dataset: &'static str) -> Brought {
        let found = self.brought.iter().find(|brought| brought.dataset == dataset);
        found.cloned().unwrap_or(Brought { dataset, ..Brought::default() })
    }
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

/// A row of `collection_run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// The run that it belongs to.
    pub run_id: String,
    /// The dataset's name.
    pub dataset: String,
    /// What it speaks for.
    pub scope: String,
    /// Where the rows are from.
    pub source: String,
    /// What the source calls the state that was seen, if it has a name.
    pub version: Option<String>,
    /// The instant of which it is the newest statement.
    pub observed_at: Timestamp,
    /// complete, partial, empty, unchanged, failed or pruned.
    pub outcome: String,
    /// Rows that it told.
    pub rows: u64,
    /// What could not be seen.
    pub gaps: Vec<String>,
}

/// What a lake shows at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The manifest.
    pub manifest: u64,
    /// Everything that was told, in no order.
    pub log: Vec<Logged>,
    /// What is held of each dataset that has files.
    pub held: Vec<(String, Size)>,
}

/// What is kept when old data is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Whatever an answer as of this instant or later needs.
    Since(Timestamp),
    /// The newest complete runs of each scope, so many, and what came after the oldest of them. Prices that are kept
    /// as changes stay.
    Runs(usize),
}

/// What a dataset takes in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Files.
    pub files: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A dataset before and after the lake was put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resized {
    /// The dataset.
    pub dataset: String,
    /// What it took.
    pub before: Size,
    /// What it takes, read back from the lake; none on a dry run that cannot tell without doing it.
    pub after: Option<Size>,
}

/// A lake that was put in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tidied {
    /// Every dataset that has files.
    pub datasets: Vec<Resized>,
    /// The manifest that shows it; none when there was nothing to do, and on a dry run.
    pub manifest: Option<u64>,
    /// Earlier states that a reader still has open: their files go with the next command that writes.
    pub pinned: usize,
}

/// Judges a text by its signature; the words of the refusal are a lowercase fragment.
pub type Sealed<'a> = &'a dyn Fn(&[u8], &str) -> Result<(), String>;

/// A bundle that was packed or unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundled {
    /// Files in it, without the log of runs.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows that the lake did not have; 0 of one that was packed.
    pub kept: u64,
    /// Bytes that were added: the bundle's when it was packed, the lake's when it was unpacked.
    pub bytes: u64,
    /// The manifest that it shows or that shows it; none on a dry run of unpacking.
    pub manifest: Option<u64>,
}

/// The lake.
pub trait Store {
    /// What the newest manifest shows; none when there is no lake.
    fn look(&self) -> Result<Option<Shown>, StoreError>;

    /// The lake's folder.
    fn root(&self) -> PathBuf;

    /// Names an import by the bytes that go in, whatever the files' order, so that the same files are recognised;
    /// and the files, each content once.
    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError>;

    /// The newest manifest, if it shows a run of that name.
    fn shown(&self, run_id: &str) -> Result<Option<u64>, StoreError>;

    /// Makes a folder on the lake's file system for what is on its way in. It goes when it is dropped; what a process
    /// that died left there goes with the next one that writes.
    fn scratch(&self) -> Result<Box<dyn AsRef<Path>>, StoreError>;

    /// Opens a run under the writer's lock; none when a run of that name is visible already, because what is
    /// visible is never written again. `run_id` names it and its files: lowercase letters, digits and `-`.
    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn Run + '_>>, StoreError>;

    /// Folds what runs brought one by one: prices that are kept as changes into one file for each family of types,
    /// the log of runs into one file. No answer changes. With `dry_run` nothing is written.
    fn compact(&self, now: Timestamp, dry_run: bool) -> Result<Tidied, StoreError>;

    /// Removes what nothing needs that is to be kept: runs of a snapshot that a newer complete run of their scope
    /// replaced before that, and prices that had changed by then. The log still says that the runs were there. With
    /// `dry_run` nothing is written.
    fn prune(&self, keep: Keep, now: Timestamp, dry_run: bool) -> Result<Tidied, StoreError>;

    /// Packs the public part of the lake into one file, with what `seal` makes of the list of what is in it; none when
    /// there is no lake. With `dry_run` nothing is written.
    fn pack(
        &self,
        to: &Path,
        seal: &dyn Fn(&[u8]) -> String,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Option<Bundled>, StoreError>;

    /// Takes a packed lake in, if `verify` believes its list: runs that are not shown yet, and prices that are not
    /// known yet, all of them visible at once. With `dry_run` it is only checked.
    fn unpack(
        &self,
        from: &Path,
        verify: Sealed<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Bundled, StoreError>;

    /// Removes everything that speaks of an account, for good: its rows, its lines of others' bills (of which the log
    /// then says that some were forgotten), and its part of the log. With `dry_run` nothing is written.
    fn forget(&self, account: &str, now: Timestamp, dry_run: bool) -> Result<Tidied, StoreError>;

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
