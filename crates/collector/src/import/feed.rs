//! Import of files that are read row by row, each once.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::SystemTime;

use catalog::ports::{ImportReport, RunWriter, ScopeOutcome, ScopeReport};
use catalog::{Dataset, RowBatch};
use console::{Failure, FailureKind};
use domain::Timestamp;
use feeds::{Completeness, FeedContext, FeedReport};

use super::request::ImportRequest;
use super::text_files::unreadable;
use crate::Ports;
use crate::lake_failure;

/// Reads the files one after the other into one run.
pub(super) fn import_feed(
    kind: feeds::FeedKind,
    order: &ImportRequest<'_>,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<ImportReport, Failure> {
    let dataset = catalog::dataset(kind.dataset()).expect("a feed fills a built-in dataset");
    let before = file_states(order.paths)?;
    let mut writing = FeedImport { ports, order, dataset, run_id: None, run: None, shown: None };
    // A single file is hashed while it is read. Several are hashed first, to drop duplicates.
    let paths = if order.paths.len() == 1 { order.paths.to_vec() } else { writing.identify()? };
    let mut told = Vec::new();
    for path in &paths {
        let spoken = read_in_thread(kind, path, order, now, &mut |batch| {
            let new = !writing.is_shown()?;
            if new && !order.dry_run {
                writing.add(&batch)?;
            }
            Ok(new)
        })?;
        told.extend(spoken.into_iter().map(|spoken| scope_report(dataset, path, spoken)));
        if writing.is_shown()? {
            return Ok(writing.already_imported());
        }
    }
    check_scopes(&told)?;
    if file_states(order.paths)? != before {
        return Err(Failure::new(
            FailureKind::Data,
            "the files changed while they were read; nothing was added",
        )
        .hint("import them again"));
    }
    if order.dry_run {
        return Ok(ImportReport::dry_run(dataset.name, told));
    }
    writing.finish(told, now)
}

/// A run that is opened with its first rows, so that an unreadable file creates no lake.
struct FeedImport<'a> {
    ports: &'a Ports<'a>,
    order: &'a ImportRequest<'a>,
    dataset: &'static Dataset,
    /// Name of the run, derived from the bytes of the files.
    run_id: Option<String>,
    run: Option<Box<dyn RunWriter + 'a>>,
    /// Manifest that already shows a run of that name.
    shown: Option<u64>,
}

impl FeedImport<'_> {
    /// Computes the run's name. Returns the files without duplicates of the same content.
    fn identify(&mut self) -> Result<Vec<PathBuf>, Failure> {
        let store = self.ports.store;
        let (run_id, paths) = store.identify(&self.order.name(), self.order.paths).map_err(lake_failure)?;
        self.shown = store.manifest_with_run(&run_id).map_err(lake_failure)?;
        self.run_id = Some(run_id);
        Ok(paths)
    }

    /// Returns whether the lake already has the same files.
    fn is_shown(&mut self) -> Result<bool, Failure> {
        if self.run_id.is_none() {
            self.identify()?;
        }
        Ok(self.shown.is_some())
    }

    fn add(&mut self, batch: &RowBatch) -> Result<(), Failure> {
        self.open()?;
        match &mut self.run {
            Some(run) => run.add(self.dataset, batch).map_err(lake_failure),
            None => Ok(()),
        }
    }

    fn open(&mut self) -> Result<(), Failure> {
        if !self.is_shown()? && self.run.is_none() {
            let run_id = self.run_id.as_deref().expect("named above");
            self.run = self.ports.store.begin(run_id).map_err(lake_failure)?;
            if self.run.is_none() {
                // Another process has imported the same files in the meantime.
                self.shown = self.ports.store.manifest_with_run(run_id).map_err(lake_failure)?;
            }
        }
        Ok(())
    }

    /// Returns the result for files that the lake already has.
    fn already_imported(&self) -> ImportReport {
        ImportReport::already_imported(self.dataset.name, self.shown)
    }

    fn finish(mut self, told: Vec<ScopeReport>, now: Timestamp) -> Result<ImportReport, Failure> {
        self.open()?;
        let Some(mut run) = self.run.take() else { return Ok(self.already_imported()) };
        for told in &told {
            run.add_report(told.clone()).map_err(lake_failure)?;
        }
        let committed = run.commit(now).map_err(lake_failure)?;
        Ok(ImportReport::committed(self.dataset.name, told, &committed))
    }
}

/// Returns the size and time of each file, to detect changes during the import.
fn file_states(paths: &[PathBuf]) -> Result<Vec<(u64, Option<SystemTime>)>, Failure> {
    let state = |path: &PathBuf| {
        let found = path.metadata().map_err(|e| unreadable(path, &e))?;
        Ok((found.len(), found.modified().ok()))
    };
    paths.iter().map(state).collect()
}

/// Number of batches that may wait to be written.
const WAITING: usize = 2;

/// Reads a file in a thread while `take` writes the batches that were read before. Stops when
/// `take` returns false. Returns the reports of a file that was read to its end, else none.
fn read_in_thread(
    kind: feeds::FeedKind,
    path: &Path,
    order: &ImportRequest<'_>,
    now: Timestamp,
    take: &mut dyn FnMut(RowBatch) -> Result<bool, Failure>,
) -> Result<Vec<FeedReport>, Failure> {
    let (sender, batches) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let ended = |_| "the import stopped".to_string();
            read(kind, path, order, now, &mut |batch| sender.send(batch).map_err(ended))
        });
        let mut wanted = Ok(true);
        for batch in batches {
            wanted = take(batch);
            if !matches!(wanted, Ok(true)) {
                break;
            }
        }
        // The receiver is gone, so a reader that waited to send has stopped with an error.
        let read = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        if wanted? { read } else { Ok(Vec::new()) }
    })
}

fn read(
    kind: feeds::FeedKind,
    path: &Path,
    order: &ImportRequest<'_>,
    now: Timestamp,
    sink: &mut dyn FnMut(RowBatch) -> Result<(), String>,
) -> Result<Vec<FeedReport>, Failure> {
    let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let changed = || Timestamp::try_from(file.metadata().ok()?.modified().ok()?).ok();
    let modified = order.observed_at.or_else(changed);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut start = Vec::new();
    (&mut file).take(4).read_to_end(&mut start).map_err(|e| unreadable(path, &e))?;
    let whole = match (order.whole, order.partial) {
        (true, _) => Completeness::Yes,
        (_, true) => Completeness::No,
        _ => Completeness::Unsaid { sealed: feeds::is_compressed(&start) },
    };
    let context = FeedContext { source: &name, modified, now, whole, in_force: None, account: order.account };
    file.rewind().map_err(|e| unreadable(path, &e))?;
    let mut reader = feeds::plain_text(Box::new(file)).map_err(|e| unreadable(path, &e))?;
    feeds::read(kind, &mut *reader, &context, sink).map_err(|error| {
        Failure::new(FailureKind::Data, format!("{}: {error}", path.display()))
            .hint("see collector import --help for the contents of each kind")
    })
}

fn scope_report(dataset: &'static Dataset, path: &Path, spoken: FeedReport) -> ScopeReport {
    ScopeReport {
        dataset,
        scope: spoken.scope,
        source: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        version: spoken.version,
        observed_from: spoken.observed_from,
        observed_at: spoken.observed_at,
        outcome: match (spoken.complete, spoken.rows) {
            (true, 0) => ScopeOutcome::Empty,
            (true, _) => ScopeOutcome::Complete,
            (false, _) => ScopeOutcome::Partial,
        },
        rows: spoken.rows,
        gaps: spoken.gaps.into_iter().map(Into::into).collect(),
    }
}

/// Rejects two reports of one scope in one run: each would replace the other's rows.
fn check_scopes(told: &[ScopeReport]) -> Result<(), Failure> {
    for (at, one) in told.iter().enumerate() {
        let replaces =
            matches!(one.dataset.kind, catalog::DatasetKind::Snapshot | catalog::DatasetKind::Statement);
        if replaces && let Some(other) = told[..at].iter().find(|other| other.scope == one.scope) {
            return Err(Failure::usage(format!(
                "{} and {} both report on {}: one import takes one report of it",
                other.source, one.source, one.scope
            ))
            .hint("import them one after the other"));
        }
    }
    Ok(())
}
