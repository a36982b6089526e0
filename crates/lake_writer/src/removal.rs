//! Takes runs and damaged files out of the lake, in a new manifest without them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use catalog::ports::{DamagedFile, MaintenanceReport, RunLogRow, VerificationReport};
use catalog::{DataFile, Dataset, DatasetKind, Manifest, dataset};
use domain::Timestamp;
use polars::prelude::{BooleanChunked, DataFrame, DataType, PolarsResult};

use crate::log::{FOLDED, PRUNED, RunLog};
use crate::parquet_appender::ParquetAppender;
use crate::price_file::{PriceFile, unreadable};
use crate::writer::WrittenFile;
use crate::{LakeWriter, compact};
use lake::{LakeError, PinnedManifest};

/// Compares every file with its digest; see [`catalog::ports::Store::verify`].
pub(crate) fn verify(root: &Path) -> Result<Option<VerificationReport>, LakeError> {
    let Some(pinned) = PinnedManifest::newest_with_damage(root)? else { return Ok(None) };
    let files = &pinned.manifest.files;
    let damaged = lake::damaged_files(root, &pinned.manifest).into_iter().map(|(file, reason)| {
        let run_id = (!is_of_many_runs(&file)).then(|| file.run().to_string());
        DamagedFile { dataset: file.dataset, run_id, file: file.path, reason }
    });
    Ok(Some(VerificationReport {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes).sum(),
        damaged: damaged.collect(),
    }))
}

/// Takes runs out of the lake; see [`catalog::ports::Store::drop_runs`].
pub(crate) fn drop_runs(
    root: &Path,
    runs: &[String],
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<MaintenanceReport, LakeError> {
    // A file of the run may be damaged, so no file is read before it is known to stay.
    let Some(pinned) = PinnedManifest::newest_with_damage(root)? else { return Ok(compact::no_changes()) };
    let mut writer = LakeWriter::maintain_pinned(pinned, dry_run)?;
    let before = writer.manifest().clone();
    let is_of_runs = |file: &DataFile| !is_of_many_runs(file) && runs.iter().any(|run| run == file.run());
    let (gone, staying): (Vec<DataFile>, Vec<DataFile>) = before.files.iter().cloned().partition(is_of_runs);
    lake::check_sizes(root, &staying)?;
    let mut removal = Removal { gone, written: Vec::new() };
    for (at, file) in staying.iter().filter(|file| is_of_many_runs(file) && !is_log(file)).enumerate() {
        removal.rewrite_without(&writer, file, at, runs)?;
    }
    let log = RunLog::read_files(root, staying.iter().filter(|file| is_log(file)))?;
    removal.rewrite_log(&writer, log, |row| runs.contains(&row.run_id), &[])?;
    removal.commit(&mut writer, &before, tool_version, now)
}

/// Takes damaged files out of the lake; see [`catalog::ports::Store::drop_damaged`].
pub(crate) fn drop_damaged(
    root: &Path,
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<MaintenanceReport, LakeError> {
    let Some(pinned) = PinnedManifest::newest_with_damage(root)? else { return Ok(compact::no_changes()) };
    let mut writer = LakeWriter::maintain_pinned(pinned, dry_run)?;
    let before = writer.manifest().clone();
    let damaged: Vec<DataFile> =
        lake::damaged_files(root, &before).into_iter().map(|(file, _)| file).collect();
    let log_files = before.files.iter().filter(|file| is_log(file) && !damaged.contains(file));
    let log = RunLog::read_files(root, log_files)?;
    // Rows without an entry in the log have neither a scope nor an age.
    let logged: HashSet<&str> = log.rows.iter().map(|row| row.run_id.as_str()).collect();
    let is_log_damaged = damaged.iter().any(is_log);
    let is_lost = |file: &DataFile| is_log_damaged && !logged.contains(file.run());
    // An entry describes all files of its run and dataset. Daily sums alone can be spared.
    let cut: HashSet<(&str, &str)> = damaged
        .iter()
        .filter(|file| !is_of_many_runs(file) && !file.is_daily_sums())
        .map(|file| (&*file.dataset, file.run()))
        .collect();
    let is_gone = |file: &DataFile| {
        let of_run = !is_of_many_runs(file) && !is_log(file);
        damaged.contains(file) || (of_run && (is_lost(file) || cut.contains(&(&*file.dataset, file.run()))))
    };
    let gone = before.files.iter().filter(|file| is_gone(file)).cloned().collect();
    let gaps: Vec<(&str, String)> = damaged
        .iter()
        .filter(|file| is_of_many_runs(file) && !is_log(file))
        .map(|file| (&*file.dataset, format!("a damaged file was dropped: {}", file.path)))
        .collect();
    let mut removal = Removal { gone, written: Vec::new() };
    let is_cut = |row: &RunLogRow| cut.contains(&(row.dataset.as_str(), row.run_id.as_str()));
    removal.rewrite_log(&writer, log, is_cut, &gaps)?;
    removal.commit(&mut writer, &before, tool_version, now)
}

fn is_log(file: &DataFile) -> bool {
    file.dataset == "collection_run"
}

fn is_of_many_runs(file: &DataFile) -> bool {
    file.family().is_some() || file.path.contains(FOLDED)
}

/// The files that leave the manifest, and those that take their places.
struct Removal {
    gone: Vec<DataFile>,
    written: Vec<WrittenFile>,
}

impl Removal {
    /// Writes a file of many runs again if it has rows of these. `at` makes its name new.
    fn rewrite_without(
        &mut self,
        writer: &LakeWriter,
        file: &DataFile,
        at: usize,
        runs: &[String],
    ) -> Result<(), LakeError> {
        let Some(dataset) = dataset(&file.dataset).filter(|dataset| dataset.kind == DatasetKind::Changes)
        else {
            return Ok(());
        };
        lake::verify_files(writer.root(), [file])?;
        let mut staying = Vec::new();
        let path = writer.root().join(&file.path);
        let opened = PriceFile::of(writer.root(), file)?;
        for group in 0..opened.groups() {
            let frame = opened.read(group, 0, usize::MAX)?;
            let rest = rows_of_others(&frame, runs).and_then(|others| frame.filter(&others));
            staying.push(rest.map_err(|e| unreadable(&path, &e))?);
        }
        let rows: usize = staying.iter().map(DataFrame::height).sum();
        if rows as u64 == file.rows {
            return Ok(());
        }
        self.gone.push(file.clone());
        if rows > 0 {
            let name = new_name(file, &format!("{}.{at}", compact::compacted_name(writer.manifest())));
            self.written.push(write_frames(writer, dataset, &name, staying)?);
        }
        Ok(())
    }

    /// Writes the log again without the rows that go. `gaps` are reasons that its rows about a
    /// dataset get.
    fn rewrite_log(
        &mut self,
        writer: &LakeWriter,
        log: RunLog,
        goes: impl Fn(&RunLogRow) -> bool,
        gaps: &[(&str, String)],
    ) -> Result<(), LakeError> {
        let rows = log.rows.len();
        let mut datasets: BTreeSet<String> = self.gone.iter().map(|file| file.dataset.clone()).collect();
        datasets.extend(log.rows.iter().filter(|row| goes(row)).map(|row| row.dataset.clone()));
        let log = log.only(|row| !goes(row))?;
        let unsupported = unsupported(&log.rows, &datasets);
        let mut log = log.only(|row| !unsupported.contains(&key(row)))?;
        for (dataset, gap) in gaps {
            log = log.with_gap(dataset, gap)?;
        }
        if log.rows.len() == rows && gaps.is_empty() {
            return Ok(());
        }
        let before = writer.manifest();
        let listed = compact::log_files(before).into_iter().filter(|file| !self.gone.contains(file));
        self.gone.extend(listed.collect::<Vec<_>>());
        if !log.rows.is_empty() {
            self.written.push(log.write(writer, &compact::compacted_name(before), &HashSet::new())?);
        }
        Ok(())
    }

    fn commit(
        self,
        writer: &mut LakeWriter,
        before: &Manifest,
        tool_version: &str,
        now: Timestamp,
    ) -> Result<MaintenanceReport, LakeError> {
        if self.gone.is_empty() {
            return Ok(compact::compare_sizes(before, before, None));
        }
        writer.replace(&self.gone, self.written, tool_version, now)?;
        compact::report_commit(before, writer)
    }
}

/// A row of the log: its run, dataset, scope and source.
type LogRowKey = [String; 4];

fn key(row: &RunLogRow) -> LogRowKey {
    [&row.run_id, &row.dataset, &row.scope, &row.source].map(String::clone)
}

/// Returns the reports of an unchanged scope whose rows are no longer in the lake: the newest
/// report before with rows of its own has another version. With them, the next snapshot would
/// store nothing.
fn unsupported(log: &[RunLogRow], datasets: &BTreeSet<String>) -> HashSet<LogRowKey> {
    let mut scopes: HashMap<[&str; 3], Vec<&RunLogRow>> = HashMap::new();
    for row in log.iter().filter(|row| datasets.contains(&row.dataset)) {
        scopes.entry([&row.dataset, &row.scope, &row.source]).or_default().push(row);
    }
    let mut found = HashSet::new();
    for mut rows in scopes.into_values() {
        rows.sort_by_key(|row| (row.observed_at, &row.run_id));
        let mut newest: Option<&RunLogRow> = None;
        for row in rows {
            match row.outcome.as_str() {
                "complete" | "partial" | "empty" | PRUNED => newest = Some(row),
                "unchanged" if newest.is_none_or(|newest| newest.version != row.version) => {
                    found.insert(key(row));
                }
                _ => {}
            }
        }
    }
    found
}

/// Returns a mask of the rows of other runs.
fn rows_of_others(frame: &DataFrame, runs: &[String]) -> PolarsResult<BooleanChunked> {
    let found = frame.column("run_id")?.cast(&DataType::String)?;
    let is_other = |run: Option<&str>| !runs.iter().any(|gone| run == Some(gone.as_str()));
    Ok(found.str()?.iter().map(is_other).collect())
}

/// Returns the name of a file that replaces this one, below its dataset's folder and without
/// `.parquet`.
fn new_name(file: &DataFile, name: &str) -> String {
    file.family().map_or_else(|| name.to_string(), |family| format!("family={family}/{name}"))
}

fn write_frames(
    writer: &LakeWriter,
    dataset: &Dataset,
    name: &str,
    frames: Vec<DataFrame>,
) -> Result<WrittenFile, LakeError> {
    let mut file = ParquetAppender::start(writer, dataset, name)?;
    frames.into_iter().filter(|frame| frame.height() > 0).try_for_each(|frame| file.add(frame))?;
    file.finish()
}

#[cfg(test)]
#[path = "removal_tests.rs"]
mod tests;
