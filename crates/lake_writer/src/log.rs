//! The log of runs, `collection_run`, read from the files of one manifest.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Cursor;
use std::path::Path;

use catalog::ports::{DatasetSize, LakeContent, RunLogRow};
use catalog::{DataFile, Dataset, Manifest, Page, UNSTATED_SOURCE, Value, dataset};
use domain::Timestamp;
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{BooleanChunked, Column, DataFrame, DataType, PlSmallStr, PolarsError, PolarsResult};

use crate::parquet_guard::guarded;
use crate::price_file::unreadable;
use crate::public_files::{is_known_source, public_run};
use crate::writer::WrittenFile;
use crate::{LakeWriter, columns, files};
use lake::LakeError;
use lake::PinnedManifest;

/// The part of a path that marks a compacted file. No run id begins with `compacted-`.
pub(crate) const FOLDED: &str = "/compacted-";

/// The outcome of a run whose rows were removed because newer rows had replaced them.
pub(crate) const PRUNED: &str = "pruned";

/// Stands for the text of a gap in a bundle.
const GAP_IN_BUNDLE: &str = "the reason is in the lake from which the bundle was made";

/// The runs that lose rows of a dataset, by dataset and run. True if rows of the dataset stay.
pub(crate) type ForgottenRuns = HashMap<(String, String), bool>;

/// All rows of the log: as values, and as the stored frame.
pub(crate) struct RunLog {
    pub(crate) rows: Vec<RunLogRow>,
    frame: DataFrame,
}

fn log_dataset() -> &'static Dataset {
    dataset("collection_run").expect("a dataset of ours")
}

impl RunLog {
    /// Reads the log of a manifest.
    pub(crate) fn read(root: &Path, manifest: &Manifest) -> Result<RunLog, LakeError> {
        RunLog::read_files(root, manifest.files.iter().filter(|file| file.dataset == log_dataset().name))
    }

    /// Reads the log from frames.
    pub(crate) fn of_frames(frames: Vec<DataFrame>) -> Result<RunLog, LakeError> {
        let damaged = |e: PolarsError| LakeError::BadFile(format!("the log of runs cannot be read: {e}"));
        let mut all = DataFrame::empty_with_schema(&columns::schema(&log_dataset().fields()));
        for frame in frames {
            let frame = columns::aligned(&frame, log_dataset()).map_err(damaged)?;
            all.vstack_mut(&frame).map_err(damaged)?;
        }
        Ok(RunLog { rows: rows(&all).map_err(damaged)?, frame: all })
    }

    /// Returns the log with the rows for which `wanted` is true.
    pub(crate) fn only(self, wanted: impl Fn(&RunLogRow) -> bool) -> Result<RunLog, LakeError> {
        let kept: BooleanChunked = self.rows.iter().map(&wanted).collect();
        let frame = self.frame.filter(&kept);
        let frame =
            frame.map_err(|e| LakeError::Unusable(format!("the log of runs cannot be compacted: {e}")))?;
        Ok(RunLog { rows: self.rows.into_iter().filter(wanted).collect(), frame })
    }

    pub(crate) fn into_frame(self) -> DataFrame {
        self.frame
    }

    /// Returns true when a row names the account in its scope, run id, source or gaps.
    pub(crate) fn names_account(&self, account: &str) -> bool {
        self.rows.iter().any(|row| {
            scope_without(&row.scope, account).as_ref() != Some(&row.scope)
                || [&row.run_id, &row.source].into_iter().chain(&row.gaps).any(|text| text.contains(account))
        })
    }

    /// Returns the log without an account: without its rows, and without the rows about a region in
    /// runs that keep no row. Every other text that names the account is replaced. Bills that lost
    /// lines get a gap, because they are no longer complete.
    pub(crate) fn forget(self, account: &str, runs: &ForgottenRuns) -> Result<RunLog, LakeError> {
        let of_row = |row: &RunLogRow| runs.get(&(row.dataset.clone(), row.run_id.clone())).copied();
        let of_region = |row: &RunLogRow| dataset(&row.dataset).is_some_and(|known| !known.is_of_accounts());
        let of_account = |row: &RunLogRow| {
            scope_without(&row.scope, account).is_none()
                || row.run_id.contains(account)
                || (of_row(row) == Some(false) && of_region(row))
        };
        let RunLog { mut rows, frame } = self.only(|row| !of_account(row))?;
        let strike = |text: &mut String| {
            if text.contains(account) {
                *text = "(forgotten)".into();
            }
        };
        for row in &mut rows {
            row.scope = scope_without(&row.scope, account).expect("rows of the account were removed");
            strike(&mut row.source);
            row.gaps.iter_mut().for_each(strike);
            if row.dataset == "charge" && of_row(row).is_some() {
                row.gaps.push("lines of an account were forgotten".into());
            }
        }
        RunLog { rows, frame }.with_texts_of_rows()
    }

    /// Returns the log as a bundle contains it: text of AWS or of a file stays only if it is known,
    /// and the names of runs contain no account. The number of gaps stays.
    pub(crate) fn public(mut self) -> Result<RunLog, LakeError> {
        for row in &mut self.rows {
            row.run_id = public_run(&row.run_id);
            row.gaps.fill(GAP_IN_BUNDLE.into());
            if !is_known_source(&row.source) {
                row.source = UNSTATED_SOURCE.into();
                row.version = None;
            }
        }
        self.with_texts_of_rows()
    }

    /// Writes the texts of the rows into the frame.
    fn with_texts_of_rows(self) -> Result<RunLog, LakeError> {
        let failed =
            |e: PolarsError| LakeError::Unusable(format!("the log of runs cannot be compacted: {e}"));
        let RunLog { rows, mut frame } = self;
        let names = ["run_id", "scope", "source", "version", "gaps"];
        let field = |name: &str| log_dataset().fields().into_iter().find(|field| field.name == name);
        let fields = names.into_iter().filter_map(field).collect();
        let cells = rows.iter().map(|row| {
            let version = row.version.clone().map_or(Value::Null, Value::from);
            let [run_id, scope, source] =
                [&row.run_id, &row.scope, &row.source].map(|text| text.clone().into());
            vec![run_id, scope, source, version, row.gaps.clone().into()]
        });
        let struck = columns::frame(&Page { fields, rows: cells.collect() }).map_err(failed)?;
        for column in struck.columns() {
            frame.with_column(column.clone()).map_err(failed)?;
        }
        Ok(RunLog { rows, frame })
    }

    /// Reads the log from some of its files.
    pub(crate) fn read_files<'a>(
        root: &Path,
        files: impl Iterator<Item = &'a DataFile>,
    ) -> Result<RunLog, LakeError> {
        let frame = |file: &DataFile| {
            let bytes = Cursor::new(files::verified_bytes(root, file)?);
            let frame = guarded(|| ParquetReader::new(bytes).finish());
            frame.map_err(|e| unreadable(&root.join(&file.path), &e))
        };
        RunLog::of_frames(files.map(frame).collect::<Result<_, LakeError>>()?)
    }

    /// Adds a gap to every row about a dataset.
    pub(crate) fn with_gap(mut self, dataset: &str, gap: &str) -> Result<RunLog, LakeError> {
        for row in self.rows.iter_mut().filter(|row| row.dataset == dataset) {
            row.gaps.push(gap.into());
        }
        let fields = log_dataset().fields().into_iter().filter(|field| field.name == "gaps").collect();
        let rows = self.rows.iter().map(|row| vec![row.gaps.clone().into()]).collect();
        let gaps = columns::frame(&Page { fields, rows });
        let done = gaps.and_then(|gaps| self.frame.with_column(gaps.columns()[0].clone()).map(|_| ()));
        done.map_err(|e| LakeError::Unusable(format!("the log of runs cannot be compacted: {e}")))?;
        Ok(self)
    }

    /// Writes the log as one file. The rows whose indexes are in `pruned` get the outcome `pruned`.
    pub(crate) fn write(
        mut self,
        writer: &LakeWriter,
        name: &str,
        pruned: &HashSet<usize>,
    ) -> Result<WrittenFile, LakeError> {
        let outcome = |(at, row): (usize, &RunLogRow)| match pruned.contains(&at) {
            true => PRUNED.to_string(),
            false => row.outcome.clone(),
        };
        let outcomes: Vec<String> = self.rows.iter().enumerate().map(outcome).collect();
        self.frame
            .with_column(Column::new(PlSmallStr::from_static("outcome"), outcomes))
            .map_err(|e| LakeError::Unusable(format!("the log of runs cannot be compacted: {e}")))?;
        writer.write_frame(log_dataset(), name, self.frame)
    }
}

/// Returns a scope without an account; `None` if it is a scope of that account alone. A bill of
/// linked accounts has the scope `payer/ACCOUNT+…/month`.
fn scope_without(scope: &str, account: &str) -> Option<String> {
    let parts = scope.split('/').map(|part| {
        let kept: Vec<&str> = part.split('+').filter(|of| *of != account).collect();
        (!kept.is_empty()).then(|| kept.join("+"))
    });
    parts.collect::<Option<Vec<String>>>().map(|parts| parts.join("/"))
}

/// Returns the number of rows that a run reported for a dataset. None when the manifest does not
/// show the run. A run without new rows has only its log file, and compaction merges that file into
/// another.
pub(crate) fn reported_rows(
    root: &Path,
    manifest: &Manifest,
    run_id: &str,
    dataset: &str,
) -> Result<Option<u64>, LakeError> {
    let own = format!("lake/{}/v={}/{run_id}.parquet", log_dataset().name, log_dataset().version);
    let logs = || manifest.files.iter().filter(|file| file.dataset == log_dataset().name);
    let log = match logs().find(|file| file.path == own) {
        Some(file) => RunLog::read_files(root, std::iter::once(file))?,
        None => RunLog::read_files(root, logs().filter(|file| file.path.contains(FOLDED)))?,
    };
    let of_run = |row: &&RunLogRow| row.run_id == run_id && row.outcome != PRUNED;
    let shown: Vec<&RunLogRow> = log.rows.iter().filter(of_run).collect();
    let of_dataset = shown.iter().filter(|row| row.dataset == dataset);
    Ok((!shown.is_empty()).then(|| of_dataset.map(|row| row.rows).sum()))
}

/// Returns the contents of a manifest: its log, and the size of each dataset.
pub(crate) fn read_contents(pinned: &PinnedManifest) -> Result<LakeContent, LakeError> {
    let mut held: BTreeMap<&str, DatasetSize> = BTreeMap::new();
    for file in &pinned.manifest.files {
        let size = held.entry(&file.dataset).or_default();
        size.files += 1;
        size.rows += file.own_rows();
        size.bytes += file.bytes;
    }
    Ok(LakeContent {
        manifest: pinned.manifest.number,
        log: RunLog::read(&pinned.root, &pinned.manifest)?.rows,
        held: held.into_iter().map(|(dataset, size)| (dataset.to_string(), size)).collect(),
    })
}

fn rows(frame: &DataFrame) -> PolarsResult<Vec<RunLogRow>> {
    let maybe = |name: &str| -> PolarsResult<Vec<Option<String>>> {
        Ok(frame.column(name)?.str()?.iter().map(|text| text.map(String::from)).collect())
    };
    let text = |name: &str| -> PolarsResult<Vec<String>> {
        Ok(maybe(name)?.into_iter().map(Option::unwrap_or_default).collect())
    };
    let number = |name: &str| -> PolarsResult<Vec<i64>> {
        let column = frame.column(name)?.cast(&DataType::Int64)?;
        Ok(column.i64()?.iter().map(Option::unwrap_or_default).collect())
    };
    let (runs, datasets, scopes, outcomes) =
        (text("run_id")?, text("dataset")?, text("scope")?, text("outcome")?);
    let (sources, versions) = (text("source")?, maybe("version")?);
    let (instants, counts) = (number("observed_at")?, number("row_count")?);
    let lists = frame.column("gaps")?.list()?;
    let row = |at: usize| -> PolarsResult<RunLogRow> {
        let gaps = match lists.get_as_series(at) {
            None => Vec::new(),
            Some(gaps) => gaps.str()?.iter().flatten().map(String::from).collect(),
        };
        Ok(RunLogRow {
            run_id: runs[at].clone(),
            dataset: datasets[at].clone(),
            scope: scopes[at].clone(),
            source: sources[at].clone(),
            version: versions[at].clone(),
            observed_at: Timestamp::from_microsecond(instants[at]).unwrap_or_default(),
            outcome: outcomes[at].clone(),
            rows: counts[at].unsigned_abs(),
            gaps,
        })
    };
    (0..frame.height()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_an_account_from_scopes() {
        let check = |scope: &str, expected: Option<&str>| {
            assert_eq!(scope_without(scope, "11").as_deref(), expected, "{scope}");
        };
        check("*", Some("*"));
        check("us-east-1", Some("us-east-1"));
        check("11", None);
        check("11/eu-west-1", None);
        check("12/eu-west-1", Some("12/eu-west-1"));
        check("11/2026-09", None);
        check("12/11/2026-09", None);
        check("12/11+13/2026-09", Some("12/13/2026-09"));
        check("12/eu-west-1/a+b", Some("12/eu-west-1/a+b"));
    }
}
