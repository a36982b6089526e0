//! The port to the lake, as the collector uses it.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use domain::Timestamp;

use super::{LakeDamage, ScopeReport};
use crate::{Dataset, RowBatch};

/// Reasons why nothing was stored. Each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process is writing the lake.
    #[error("{path} is being written by {by}")]
    Locked {
        /// The lake.
        path: PathBuf,
        /// The other process, its machine and its command, as far as they are known.
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
    /// The folder is neither a lake nor empty.
    #[error("{0}")]
    Foreign(String),
    /// The lake is damaged.
    #[error(transparent)]
    Damaged(#[from] LakeDamage),
    /// A source file has unexpected content.
    #[error("{0}")]
    BadFile(String),
    /// The accounts that a bill covers are unknown, and the lake has lines that it would replace.
    #[error("{why}")]
    UnknownCoverage {
        /// The reason.
        why: String,
        /// The accounts with lines in the bill, joined by commas.
        accounts: String,
    },
    /// The file system returned an error.
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

/// Opens a text file, which may be compressed.
pub type TextOpener<'a> = &'a dyn Fn(&Path) -> io::Result<Box<dyn BufRead>>;

/// The accounts of which a bill has all lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BillCoverage<'a> {
    /// Unknown: the bill's own lines and the lake decide. `reporter` is the account in which the
    /// report was set up, if the delivery states it.
    Unknown {
        /// The account of the report.
        reporter: Option<&'a str>,
    },
    /// All accounts of the payer.
    All,
    /// These accounts.
    Accounts(&'a [String]),
}

/// Bills to import: CSV or Parquet.
#[derive(Clone, Copy)]
pub struct BillFiles<'a> {
    /// Their layout.
    pub layout: BillLayout,
    /// The files, imported together.
    pub paths: &'a [PathBuf],
    /// Time of their creation.
    pub observed_at: Timestamp,
    /// Whether the files contain every line of their bills. Otherwise they add to the known lines.
    pub whole: bool,
    /// The accounts that the files cover. Complete files replace the lines of these accounts.
    pub covers: BillCoverage<'a>,
    /// Opens a text file.
    pub open: TextOpener<'a>,
    /// The delivery of the files, if it has a name. Otherwise the file names identify it.
    pub origin: Option<BillOrigin<'a>>,
}

/// A delivery of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillOrigin<'a> {
    /// The origin, such as `s3://bucket/exports/daily`.
    pub source: &'a str,
    /// The version: equal versions have equal bytes.
    pub version: &'a str,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportReport {
    /// The report of each scope; empty if the same files were imported before.
    pub told: Vec<ScopeReport>,
    /// The rows added to the lake. On a dry run, all rows count as new.
    pub brought: AddedRows,
    /// The manifest that shows the rows; `None` on a dry run.
    pub manifest: Option<u64>,
    /// Remarks for the user that are no gaps, such as rounded amounts.
    pub notes: Vec<String>,
}

impl ImportReport {
    /// Returns the number of rows read.
    pub fn read(&self) -> u64 {
        self.told.iter().map(|told| told.rows).sum()
    }

    /// Returns the result for files that were imported before and that `manifest` shows.
    pub fn already_imported(dataset: &'static str, manifest: Option<u64>) -> ImportReport {
        let brought = AddedRows { dataset, ..AddedRows::default() };
        ImportReport { told: Vec::new(), brought, manifest, notes: Vec::new() }
    }

    /// Returns the result of a dry run: files were read, and nothing was written.
    pub fn dry_run(dataset: &'static str, told: Vec<ScopeReport>) -> ImportReport {
        let mut brought = AddedRows { dataset, ..AddedRows::default() };
        for told in &told {
            brought.rows += told.rows;
            *brought.scopes.entry(told.scope.clone()).or_default() += told.rows;
        }
        ImportReport { told, brought, manifest: None, notes: Vec::new() }
    }

    /// Returns the result of a committed import.
    pub fn committed(
        dataset: &'static str,
        told: Vec<ScopeReport>,
        committed: &CommitReport,
    ) -> ImportReport {
        let (brought, manifest) = (committed.of(dataset), Some(committed.manifest));
        ImportReport { told, brought, manifest, notes: Vec::new() }
    }
}

/// The rows that a run added to one dataset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddedRows {
    /// The dataset.
    pub dataset: &'static str,
    /// Number of rows added.
    pub rows: u64,
    /// The same per scope. Files that are adopted unchanged belong to no scope.
    pub scopes: BTreeMap<String, u64>,
    /// Size of the files with these rows, in bytes.
    pub bytes: u64,
}

/// The result of a commit, read back from the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitReport {
    /// Number of the manifest that shows it.
    pub manifest: u64,
    /// The additions, one per dataset.
    pub brought: Vec<AddedRows>,
    /// Bytes added, including the log.
    pub bytes: u64,
}

impl CommitReport {
    /// Returns the number of rows added to all datasets together.
    pub fn rows(&self) -> u64 {
        self.brought.iter().map(|brought| brought.rows).sum()
    }

    /// Returns the additions to a dataset.
    pub fn of(&self, dataset: &'static str) -> AddedRows {
        let found = self.brought.iter().find(|brought| brought.dataset == dataset);
        found.cloned().unwrap_or(AddedRows { dataset, ..AddedRows::default() })
    }
}

/// A run that is being written. If it is dropped without a commit, none of it becomes visible.
pub trait RunWriter {
    /// Appends rows of a dataset, column by column, without `run_id`.
    fn add(&mut self, dataset: &'static Dataset, rows: &RowBatch) -> Result<(), StoreError>;

    /// Adds the report of a scope.
    fn add_report(&mut self, told: ScopeReport) -> Result<(), StoreError>;

    /// Makes the whole run visible at once, and reads back that it is.
    fn commit(self: Box<Self>, now: Timestamp) -> Result<CommitReport, StoreError>;
}

/// A row of `collection_run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLogRow {
    /// Id of the run.
    pub run_id: String,
    /// The dataset's name.
    pub dataset: String,
    /// The scope.
    pub scope: String,
    /// Source of the rows.
    pub source: String,
    /// The source's name for the collected state, if it has one.
    pub version: Option<String>,
    /// Instant as of which the run describes its scope.
    pub observed_at: Timestamp,
    /// `complete`, `partial`, `empty`, `unchanged`, `failed` or `pruned`.
    pub outcome: String,
    /// Number of rows returned by the source.
    pub rows: u64,
    /// Missing data, one reason per entry.
    pub gaps: Vec<String>,
}

/// The visible content of a lake at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeContent {
    /// Number of the manifest.
    pub manifest: u64,
    /// The run log, in no particular order.
    pub log: Vec<RunLogRow>,
    /// The size of each dataset that has files.
    pub held: Vec<(String, DatasetSize)>,
}

/// The data that pruning keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionRule {
    /// All data that an answer as of this instant or later needs.
    Since(Timestamp),
    /// This number of the newest complete runs of each scope, and all runs after the oldest of
    /// them. Prices stored as changes are kept.
    Runs(usize),
}

/// The size of a dataset in the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatasetSize {
    /// Number of files.
    pub files: u64,
    /// Number of rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The size of a dataset before and after maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetResize {
    /// The dataset.
    pub dataset: String,
    /// Size before.
    pub before: DatasetSize,
    /// Size after, read back from the lake; on a dry run, the size that it would have.
    pub after: DatasetSize,
}

/// The result of lake maintenance: compaction, pruning, forgetting an account or dropping runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceReport {
    /// Every dataset that has files.
    pub datasets: Vec<DatasetResize>,
    /// The new manifest; `None` if there was nothing to do, and on a dry run.
    pub manifest: Option<u64>,
    /// Number of older manifests that a reader still has open. The next writing command removes
    /// their files.
    pub pinned: usize,
}

/// The result of a comparison of all files with their digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationReport {
    /// Number of files.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// The files that are missing or differ.
    pub damaged: Vec<DamagedFile>,
}

/// A file of the lake that is missing or differs from its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// The dataset.
    pub dataset: String,
    /// The run that wrote it; `None` if it has rows of many runs.
    pub run_id: Option<String>,
    /// The path in the lake.
    pub file: String,
    /// The reason: a lowercase fragment.
    pub reason: String,
}

/// Checks the signature of a text. The error is a lowercase fragment.
pub type SignatureCheck<'a> = &'a dyn Fn(&[u8], &str) -> Result<(), String>;

/// The result of packing or unpacking a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// Number of files, without the run log.
    pub files: u64,
    /// Number of rows in these files.
    pub rows: u64,
    /// Number of rows that the lake did not have; 0 after packing.
    pub kept: u64,
    /// Bytes written: to the bundle when packing, to the lake when unpacking.
    pub bytes: u64,
    /// The packed manifest, or the new manifest after unpacking; `None` on a dry run of unpacking.
    pub manifest: Option<u64>,
}

/// The lake, as the collector uses it.
pub trait Store {
    /// Returns the content of the newest manifest; `None` if there is no lake.
    fn read_content(&self) -> Result<Option<LakeContent>, StoreError>;

    /// Returns the lake's folder.
    fn root(&self) -> PathBuf;

    /// Returns a name for an import, and its files without duplicates. The name depends on the
    /// files' bytes and not on their order, so that the same files are recognized.
    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError>;

    /// Returns the number of the newest manifest, if it shows a run of that name.
    fn manifest_with_run(&self, run_id: &str) -> Result<Option<u64>, StoreError>;

    /// Creates a folder for temporary files on the lake's file system. It is removed when it is
    /// dropped. The next writer removes the folders of processes that died.
    fn scratch(&self) -> Result<Box<dyn AsRef<Path>>, StoreError>;

    /// Opens a run under the writer's lock. Returns `None` if a run of that name is visible
    /// already, because visible data is never written again. `run_id` names the run and its files:
    /// lowercase letters, digits and `-`.
    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn RunWriter + '_>>, StoreError>;

    /// Compacts the files of single runs: prices stored as changes into one file per family of
    /// instance types, the run log into one file. No answer changes. With `dry_run` nothing is
    /// written.
    fn compact(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError>;

    /// Removes data that the kept data does not need: snapshot runs that a newer complete run of
    /// their scope replaced before the kept period, and prices that had changed by then. The log
    /// still lists the runs. With `dry_run` nothing is written.
    fn prune(
        &self,
        keep: RetentionRule,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError>;

    /// Packs the public part of the lake into one file, with the output of `seal` for its list of
    /// contents. Returns `None` if there is no lake. With `dry_run` nothing is written.
    fn pack(
        &self,
        to: &Path,
        seal: &dyn Fn(&[u8]) -> String,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Option<BundleReport>, StoreError>;

    /// Adds the content of a packed lake, if `verify` accepts its list of contents: runs that are
    /// not visible yet and prices that are not known yet, all visible at once. With `dry_run` the
    /// file is only checked.
    fn unpack(
        &self,
        from: &Path,
        verify: SignatureCheck<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<BundleReport, StoreError>;

    /// Removes all data of an account, for good: its rows, its lines in other accounts' bills (the
    /// log then records that some were removed), and its part of the log. With `dry_run` nothing is
    /// written.
    fn forget(&self, account: &str, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError>;

    /// Takes runs out of the lake: their rows and their part of the log. A later report that a
    /// scope was unchanged since such a run goes too. The same files may be imported again. With
    /// `dry_run` nothing is written.
    fn drop_runs(
        &self,
        runs: &[String],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError>;

    /// Takes the damaged files out of the lake, with their runs' entries in the log. A file of
    /// many runs leaves a gap there. With `dry_run` nothing is written.
    fn drop_damaged(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError>;

    /// Reads every file of the lake and compares it with its digest. Returns `None` if there is no
    /// lake.
    fn verify(&self) -> Result<Option<VerificationReport>, StoreError>;

    /// Imports spot price history from Parquet files with the columns `observed_at, instance_type,
    /// region, az_id, spot_usd` (and optionally `on_demand_usd`, which is not stored). With
    /// `dry_run` nothing is written.
    fn import_spot_history(
        &self,
        paths: &[PathBuf],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportReport, StoreError>;

    /// Imports bills: charges of one or more accounts and months. The newest complete statement of
    /// an account's month is the valid one. With `dry_run` nothing is written.
    fn import_bills(
        &self,
        files: &BillFiles<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportReport, StoreError>;

    /// Checks that a file has the columns of a bill of that layout. The error is a lowercase
    /// fragment.
    fn probe_bill(&self, layout: BillLayout, path: &Path, open: TextOpener<'_>) -> Result<(), String>;

    /// Checks that a Parquet file has the columns of spot price history. The error is a lowercase
    /// fragment.
    fn probe_spot_history(&self, path: &Path) -> Result<(), String>;
}
