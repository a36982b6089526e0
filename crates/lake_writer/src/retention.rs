//! Pruning of old data: superseded runs and superseded prices.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use catalog::ports::{MaintenanceReport, RetentionRule, RunLogRow};
use catalog::{DataFile, DatasetKind, Manifest, dataset};
use domain::Timestamp;

use crate::LakeWriter;
use crate::compact::{self, CompactedFiles};
use crate::log::{PRUNED, RunLog};
use lake::LakeError;

/// Removes data outside the retention; see [`catalog::ports::Store::prune`].
pub(crate) fn prune(
    root: &Path,
    keep: RetentionRule,
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<MaintenanceReport, LakeError> {
    let Some(mut writer) = LakeWriter::maintain(root, dry_run)? else { return Ok(compact::no_changes()) };
    let before = writer.manifest().clone();
    let log = RunLog::read(root, &before)?;
    let superseded = superseded(&log.rows, keep);
    let mut gone = CompactedFiles { replaced: superseded_files(&before, &superseded), written: Vec::new() };
    if let RetentionRule::Since(cut) = keep {
        for dataset in catalog::DATASETS.iter().filter(|dataset| dataset.kind == DatasetKind::Changes) {
            let folded = compact::compact_dataset(&writer, dataset, Some(cut.as_microsecond()))?;
            gone.replaced.extend(folded.replaced);
            gone.written.extend(folded.written);
        }
    }
    if !superseded.rows.is_empty() {
        gone.replaced.extend(compact::log_files(&before));
        gone.written.push(log.write(&writer, &compact::compacted_name(&before), &superseded.rows)?);
    }
    if gone.replaced.is_empty() {
        return Ok(compact::compare_sizes(&before, &before, None));
    }
    writer.replace(&gone.replaced, gone.written, tool_version, now)?;
    compact::report_commit(&before, &writer)
}

/// Superseded runs, as (dataset, run id), and the indexes of their rows in the log.
#[derive(Debug, Default, PartialEq, Eq)]
struct SupersededRuns {
    runs: HashSet<(String, String)>,
    rows: HashSet<usize>,
}

/// Finds the superseded runs. A run is superseded when a newer run has replaced it in each of its
/// scopes. The replacing run is always kept, so the newest complete run of each scope stays.
fn superseded(log: &[RunLogRow], keep: RetentionRule) -> SupersededRuns {
    let mut scopes: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (at, row) in log.iter().enumerate().filter(|(_, row)| row.outcome != PRUNED) {
        scopes.entry((&row.dataset, &row.scope)).or_default().push(at);
    }
    let mut needed: HashSet<(&str, &str)> = HashSet::new();
    let mut old: Vec<usize> = Vec::new();
    for ((dataset, _), mut rows) in scopes {
        rows.sort_by_key(|at| (log[*at].observed_at, &log[*at].run_id));
        let first = first_kept(log, &rows, keep);
        needed.extend(rows[first..].iter().map(|at| (dataset, log[*at].run_id.as_str())));
        old.extend(&rows[..first]);
    }
    old.retain(|at| !needed.contains(&(log[*at].dataset.as_str(), log[*at].run_id.as_str())));
    let run = |at: &usize| (log[*at].dataset.clone(), log[*at].run_id.clone());
    SupersededRuns { runs: old.iter().map(run).collect(), rows: old.into_iter().collect() }
}

/// Returns the index of the first run of a scope to keep. `rows` are sorted, oldest first.
fn first_kept(log: &[RunLogRow], rows: &[usize], keep: RetentionRule) -> usize {
    let Some(kind) = rows.first().and_then(|at| dataset(&log[*at].dataset)).map(|dataset| dataset.kind)
    else {
        return 0;
    };
    let replaces = |place: &usize| {
        let outcome = log[rows[*place]].outcome.as_str();
        // A partial run of changes replaces as a complete one does: missing rows retire nothing.
        ["complete", "empty"].contains(&outcome) || (kind == DatasetKind::Changes && outcome == "partial")
    };
    let mut newest_first = (0..rows.len()).rev().filter(replaces);
    let kept = match (kind, keep) {
        (DatasetKind::Snapshot | DatasetKind::Changes, RetentionRule::Since(cut)) => {
            newest_first.find(|place| log[rows[*place]].observed_at <= cut)
        }
        (DatasetKind::Snapshot, RetentionRule::Runs(runs)) => newest_first.nth(runs.saturating_sub(1)),
        // Logs are never pruned.
        _ => None,
    };
    kept.unwrap_or(0)
}

/// Returns the files of the superseded snapshots. Files of changes are compacted instead, because
/// some of their rows may still be in effect.
fn superseded_files(manifest: &Manifest, superseded: &SupersededRuns) -> Vec<DataFile> {
    let goes = |file: &&DataFile| {
        let snapshot = dataset(&file.dataset).is_some_and(|dataset| dataset.kind == DatasetKind::Snapshot);
        snapshot && superseded.runs.contains(&(file.dataset.clone(), file.run().into()))
    };
    manifest.files.iter().filter(goes).cloned().collect()
}
