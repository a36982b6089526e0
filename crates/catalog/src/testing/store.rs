use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use domain::Timestamp;

use crate::ports::{
    AddedRows, BillFiles, BillLayout, BundleReport, CommitReport, DatasetSize, ImportReport, LakeContent,
    MaintenanceReport, RetentionRule, RunWriter, ScopeReport, SignatureCheck, Store, StoreError, TextOpener,
    VerificationReport,
};
use crate::{ColumnValues, Dataset, DatasetScope, RowBatch};

/// A committed run of [`MemoryStore`].
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryRun {
    /// Name of the run.
    pub run_id: String,
    /// The rows, in the order of [`RunWriter::add`].
    pub rows: Vec<(&'static Dataset, RowBatch)>,
    /// The reports.
    pub reports: Vec<ScopeReport>,
}

/// A lake in memory: it keeps runs, and neither maintains them nor reads files.
#[derive(Debug, Default)]
pub struct MemoryStore {
    runs: RefCell<Vec<MemoryRun>>,
}

impl MemoryStore {
    /// Returns the committed runs, oldest first.
    pub fn runs(&self) -> Vec<MemoryRun> {
        self.runs.borrow().clone()
    }
}

fn unsupported(call: &str) -> StoreError {
    StoreError::Io(format!("the memory store does not support {call}"))
}

struct MemoryRunWriter<'a> {
    store: &'a MemoryStore,
    run: MemoryRun,
}

impl RunWriter for MemoryRunWriter<'_> {
    fn add(&mut self, dataset: &'static Dataset, rows: &RowBatch) -> Result<(), StoreError> {
        self.run.rows.push((dataset, rows.clone()));
        Ok(())
    }

    fn add_report(&mut self, told: ScopeReport) -> Result<(), StoreError> {
        self.run.reports.push(told);
        Ok(())
    }

    fn commit(self: Box<Self>, _: Timestamp) -> Result<CommitReport, StoreError> {
        let brought = added_rows(&self.run.rows);
        self.store.runs.borrow_mut().push(self.run);
        Ok(CommitReport { manifest: self.store.runs.borrow().len() as u64, brought, bytes: 0 })
    }
}

fn added_rows(batches: &[(&'static Dataset, RowBatch)]) -> Vec<AddedRows> {
    let mut added: BTreeMap<&str, AddedRows> = BTreeMap::new();
    for (dataset, batch) in batches {
        let added = added
            .entry(dataset.name)
            .or_insert_with(|| AddedRows { dataset: dataset.name, ..AddedRows::default() });
        added.rows += batch.len() as u64;
        for row in 0..batch.len() {
            *added.scopes.entry(scope_of(dataset, batch, row)).or_default() += 1;
        }
    }
    added.into_values().collect()
}

/// Returns the scope of a row, as [`DatasetScope`] spells it.
fn scope_of(dataset: &Dataset, batch: &RowBatch, row: usize) -> String {
    let text = |column: &str| match batch.column(column) {
        Some(ColumnValues::Text(texts)) => texts.get(row).unwrap_or_default().to_string(),
        _ => String::new(),
    };
    match dataset.scope {
        DatasetScope::All => "*".into(),
        DatasetScope::Region => text("region"),
        DatasetScope::Account => text("account_id"),
        DatasetScope::AccountRegion => format!("{}/{}", text("account_id"), text("region")),
        DatasetScope::Request => text("request"),
        DatasetScope::Bill => text("bill"),
    }
}

impl Store for MemoryStore {
    fn read_content(&self) -> Result<Option<LakeContent>, StoreError> {
        let runs = self.runs.borrow();
        if runs.is_empty() {
            return Ok(None);
        }
        let log = runs.iter().flat_map(|run| run.reports.iter().map(|report| report.to_log_row(&run.run_id)));
        let mut held: BTreeMap<String, DatasetSize> = BTreeMap::new();
        for (dataset, batch) in runs.iter().flat_map(|run| &run.rows) {
            let size = held.entry(dataset.name.into()).or_default();
            size.files += 1;
            size.rows += batch.len() as u64;
        }
        let held = held.into_iter().collect();
        Ok(Some(LakeContent { manifest: runs.len() as u64, log: log.collect(), held }))
    }

    fn root(&self) -> PathBuf {
        PathBuf::from("memory")
    }

    /// The name depends on the files' names, because the memory store reads no file.
    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError> {
        let paths: Vec<PathBuf> = paths.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let names = paths.iter().filter_map(|path| path.file_stem()).map(|name| name.to_string_lossy());
        Ok((format!("import-{kind}-{}", names.collect::<Vec<_>>().join("-")), paths))
    }

    fn manifest_with_run(&self, run_id: &str) -> Result<Option<u64>, StoreError> {
        let runs = self.runs.borrow();
        Ok(runs.iter().any(|run| run.run_id == run_id).then_some(runs.len() as u64))
    }

    fn scratch(&self) -> Result<Box<dyn AsRef<Path>>, StoreError> {
        Err(unsupported("temporary folders"))
    }

    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn RunWriter + '_>>, StoreError> {
        if self.manifest_with_run(run_id)?.is_some() {
            return Ok(None);
        }
        let run = MemoryRun { run_id: run_id.into(), rows: Vec::new(), reports: Vec::new() };
        Ok(Some(Box::new(MemoryRunWriter { store: self, run })))
    }

    fn compact(&self, _: Timestamp, _: bool) -> Result<MaintenanceReport, StoreError> {
        Err(unsupported("compaction"))
    }

    fn prune(&self, _: RetentionRule, _: Timestamp, _: bool) -> Result<MaintenanceReport, StoreError> {
        Err(unsupported("pruning"))
    }

    fn pack(
        &self,
        _: &Path,
        _: &dyn Fn(&[u8]) -> String,
        _: Timestamp,
        _: bool,
    ) -> Result<Option<BundleReport>, StoreError> {
        Err(unsupported("bundles"))
    }

    fn unpack(
        &self,
        _: &Path,
        _: SignatureCheck<'_>,
        _: Timestamp,
        _: bool,
    ) -> Result<BundleReport, StoreError> {
        Err(unsupported("bundles"))
    }

    fn forget(&self, _: &str, _: Timestamp, _: bool) -> Result<MaintenanceReport, StoreError> {
        Err(unsupported("forgetting"))
    }

    fn drop_runs(&self, _: &[String], _: Timestamp, _: bool) -> Result<MaintenanceReport, StoreError> {
        Err(unsupported("dropping runs"))
    }

    fn drop_damaged(&self, _: Timestamp, _: bool) -> Result<MaintenanceReport, StoreError> {
        Err(unsupported("files"))
    }

    fn verify(&self) -> Result<Option<VerificationReport>, StoreError> {
        Err(unsupported("files"))
    }

    fn import_spot_history(&self, _: &[PathBuf], _: Timestamp, _: bool) -> Result<ImportReport, StoreError> {
        Err(unsupported("Parquet files"))
    }

    fn import_bills(&self, _: &BillFiles<'_>, _: Timestamp, _: bool) -> Result<ImportReport, StoreError> {
        Err(unsupported("bills"))
    }

    fn probe_bill(&self, _: BillLayout, _: &Path, _: TextOpener<'_>) -> Result<(), String> {
        Err(unsupported("bills").to_string())
    }

    fn probe_spot_history(&self, _: &Path) -> Result<(), String> {
        Err(unsupported("Parquet files").to_string())
    }
}

/// A call of [`Store`] or of its [`RunWriter`] that [`FailingStore`] can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCall {
    /// [`Store::read_content`].
    ReadContent,
    /// [`Store::begin`].
    Begin,
    /// [`RunWriter::add`].
    Add,
    /// [`RunWriter::add_report`].
    AddReport,
    /// [`RunWriter::commit`].
    Commit,
}

/// A store of which one call fails. All other calls reach the inner store.
pub struct FailingStore<'a> {
    /// The inner store.
    pub inner: &'a dyn Store,
    /// The call that fails.
    pub call: StoreCall,
    /// The error.
    pub error: StoreError,
}

impl FailingStore<'_> {
    fn check(&self, call: StoreCall) -> Result<(), StoreError> {
        if self.call == call { Err(self.error.clone()) } else { Ok(()) }
    }
}

struct FailingRunWriter<'a> {
    store: &'a FailingStore<'a>,
    inner: Box<dyn RunWriter + 'a>,
}

impl RunWriter for FailingRunWriter<'_> {
    fn add(&mut self, dataset: &'static Dataset, rows: &RowBatch) -> Result<(), StoreError> {
        self.store.check(StoreCall::Add)?;
        self.inner.add(dataset, rows)
    }

    fn add_report(&mut self, told: ScopeReport) -> Result<(), StoreError> {
        self.store.check(StoreCall::AddReport)?;
        self.inner.add_report(told)
    }

    fn commit(self: Box<Self>, now: Timestamp) -> Result<CommitReport, StoreError> {
        self.store.check(StoreCall::Commit)?;
        self.inner.commit(now)
    }
}

impl Store for FailingStore<'_> {
    fn read_content(&self) -> Result<Option<LakeContent>, StoreError> {
        self.check(StoreCall::ReadContent)?;
        self.inner.read_content()
    }

    fn root(&self) -> PathBuf {
        self.inner.root()
    }

    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError> {
        self.inner.identify(kind, paths)
    }

    fn manifest_with_run(&self, run_id: &str) -> Result<Option<u64>, StoreError> {
        self.inner.manifest_with_run(run_id)
    }

    fn scratch(&self) -> Result<Box<dyn AsRef<Path>>, StoreError> {
        self.inner.scratch()
    }

    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn RunWriter + '_>>, StoreError> {
        self.check(StoreCall::Begin)?;
        let writer = self.inner.begin(run_id)?;
        Ok(writer.map(|inner| Box::new(FailingRunWriter { store: self, inner }) as Box<dyn RunWriter + '_>))
    }

    fn compact(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        self.inner.compact(now, dry_run)
    }

    fn prune(
        &self,
        keep: RetentionRule,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError> {
        self.inner.prune(keep, now, dry_run)
    }

    fn pack(
        &self,
        to: &Path,
        seal: &dyn Fn(&[u8]) -> String,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Option<BundleReport>, StoreError> {
        self.inner.pack(to, seal, now, dry_run)
    }

    fn unpack(
        &self,
        from: &Path,
        verify: SignatureCheck<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<BundleReport, StoreError> {
        self.inner.unpack(from, verify, now, dry_run)
    }

    fn forget(&self, account: &str, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        self.inner.forget(account, now, dry_run)
    }

    fn drop_runs(
        &self,
        runs: &[String],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError> {
        self.inner.drop_runs(runs, now, dry_run)
    }

    fn drop_damaged(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        self.inner.drop_damaged(now, dry_run)
    }

    fn verify(&self) -> Result<Option<VerificationReport>, StoreError> {
        self.inner.verify()
    }

    fn import_spot_history(
        &self,
        paths: &[PathBuf],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportReport, StoreError> {
        self.inner.import_spot_history(paths, now, dry_run)
    }

    fn import_bills(
        &self,
        files: &BillFiles<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportReport, StoreError> {
        self.inner.import_bills(files, now, dry_run)
    }

    fn probe_bill(&self, layout: BillLayout, path: &Path, open: TextOpener<'_>) -> Result<(), String> {
        self.inner.probe_bill(layout, path, open)
    }

    fn probe_spot_history(&self, path: &Path) -> Result<(), String> {
        self.inner.probe_spot_history(path)
    }
}
