//! A run that is being written: rows of some datasets and the reports of their scopes, visible all
//! at once.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use catalog::ports::{AddedRows, CommitReport, RunWriter, ScopeReport, StoreError};
use catalog::{DataFile, Dataset, DatasetKind, Page, RowBatch, Value, dataset};
use domain::Timestamp;
use polars::prelude::{Column, DataFrame, PlSmallStr, PolarsResult, SortMultipleOptions};

use crate::billing::MonthFiles;
use crate::log::RunLog;
use crate::parquet_appender::ParquetAppender;
use crate::price_file::PriceFile;
use crate::prices::SpotPriceSet;
use crate::writer::WrittenFile;
use crate::{LakeWriter, columns, log, scopes};
use lake::LakeError;

/// Buffered prices at which a file is written. Each takes 24 bytes.
const HELD_PRICES: usize = if cfg!(test) { 10 } else { 20_000_000 };
/// Buffered rows of other datasets at which a piece is written. Each takes about 100 bytes.
const HELD_ROWS: usize = if cfg!(test) { 10 } else { 100_000 };

/// Bytes of buffered rows of other datasets at which a piece is written.
const HELD_BYTES: usize = 128 << 20;
/// Limit of the price series of an import, in 20 million prices.
const MOST_SERIES: usize = 2_000_000;

/// Rows of a row group in a run's files. Smaller than elsewhere, because merging keeps one group of
/// each file in memory.
const GROUP: usize = 250_000;

/// A run. It takes the writer's lock when it first writes.
pub(crate) struct LakeRun {
    root: PathBuf,
    writer: Option<LakeWriter>,
    run_id: String,
    tool_version: &'static str,
    held: Vec<(&'static Dataset, PendingRows)>,
    written: Vec<WrittenFile>,
    /// The datasets and row counts of adopted files, which another lake wrote.
    adopted: Vec<(&'static Dataset, u64)>,
    told: Vec<ScopeReport>,
}

fn known(name: &str) -> &'static Dataset {
    dataset(name).expect("a dataset of ours")
}

/// Rows of one dataset that are not written yet, and the state of its files.
#[derive(Default)]
struct PendingRows {
    frame: Option<DataFrame>,
    growing: Option<ParquetAppender>,
    /// Bill lines.
    bills: Option<MonthFiles>,
    prices: SpotPriceSet,
    /// The number of price files written so far.
    parts: usize,
    /// The number of written rows of each scope.
    scopes: BTreeMap<String, u64>,
}

impl PendingRows {
    fn len(&self) -> usize {
        self.prices.len() + self.frame.as_ref().map_or(0, DataFrame::height)
    }

    fn bytes(&self) -> usize {
        self.frame.as_ref().map_or(0, DataFrame::estimated_size)
    }
}

impl LakeRun {
    /// Returns a run that opens the lake when it first writes.
    pub(crate) fn without_lock(root: &Path, run_id: &str, tool_version: &'static str) -> LakeRun {
        let (root, run_id) = (root.to_path_buf(), run_id.into());
        LakeRun {
            root,
            writer: None,
            run_id,
            tool_version,
            held: Vec::new(),
            written: Vec::new(),
            adopted: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Returns a run that has the writer's lock already.
    pub(crate) fn new(writer: LakeWriter, run_id: &str, tool_version: &'static str) -> LakeRun {
        let mut run = LakeRun::without_lock(writer.root(), run_id, tool_version);
        run.writer = Some(writer);
        run
    }

    /// Returns the lake, opened for writing if it is not yet.
    fn writer(&mut self) -> Result<&mut LakeWriter, StoreError> {
        if self.writer.is_none() {
            let writer = LakeWriter::open(&self.root)?;
            // Another process may have committed the same run id before the lock was taken.
            if log::reported_rows(writer.root(), writer.manifest(), &self.run_id, "")?.is_some() {
                let text = "another process has just imported the same files; nothing was added";
                return Err(StoreError::BadFile(text.into()));
            }
            self.writer = Some(writer);
        }
        Ok(self.writer.as_mut().expect("just opened"))
    }

    /// Adds rows as a polars frame, with the dataset's columns except `run_id`.
    pub(crate) fn add_frame(
        &mut self,
        dataset: &'static Dataset,
        frame: DataFrame,
    ) -> Result<(), StoreError> {
        let at = match self.held.iter().position(|(held, _)| *held == dataset) {
            Some(at) => at,
            None => {
                self.held.push((dataset, PendingRows::default()));
                self.held.len() - 1
            }
        };
        if dataset.kind == DatasetKind::Statement {
            return self.add_bill_lines(at, frame);
        }
        let held = &mut self.held[at].1;
        let most = match dataset.kind {
            DatasetKind::Changes => {
                held.prices.extend(&frame, Some(&self.run_id)).map_err(|e| misfit(dataset, e))?;
                if held.prices.series_count() > MOST_SERIES {
                    let text = "the files have more than 2 million price series, the limit of an import";
                    return Err(StoreError::BadFile(text.into()));
                }
                HELD_PRICES
            }
            _ => {
                match &mut held.frame {
                    None => held.frame = Some(frame),
                    Some(all) => all.vstack_mut(&frame).map(|_| ()).map_err(|e| misfit(dataset, e))?,
                }
                HELD_ROWS
            }
        };
        let is_full = held.len() >= most || held.bytes() >= HELD_BYTES;
        if is_full { self.write_pending(at) } else { Ok(()) }
    }

    /// Adds bill lines, which are stored by month.
    fn add_bill_lines(&mut self, at: usize, frame: DataFrame) -> Result<(), StoreError> {
        let (dataset, held) = &mut self.held[at];
        let fits = |e| misfit(dataset, e);
        scopes::count(dataset, &frame, &mut held.scopes).map_err(fits)?;
        let bills = held.bills.get_or_insert_with(|| MonthFiles::new(&self.run_id, &self.run_id));
        bills.add(frame).map_err(fits)?;
        if bills.is_full() {
            self.writer()?;
        }
        let (Some(writer), Some(bills)) = (&self.writer, &mut self.held[at].1.bills) else { return Ok(()) };
        while bills.is_full() {
            bills.write_largest(writer)?;
        }
        Ok(())
    }

    /// Adds a file that is in its final place already.
    pub(crate) fn adopt(&mut self, file: WrittenFile) {
        self.adopted.push((known(&file.0.dataset), file.0.rows));
        self.written.push(file);
    }

    /// Adds log rows of other runs, as a file of that name.
    pub(crate) fn adopt_log(&mut self, log: RunLog, name: &str) -> Result<(), LakeError> {
        let writer = self.writer.as_ref().expect("the lake is open before a log is adopted");
        let written = log.write(writer, name, &HashSet::new())?;
        self.written.push(written);
        Ok(())
    }

    /// Returns the added rows and bytes of each dataset. `files` are the datasets and sizes in
    /// bytes of the written files.
    fn count_added(self, files: &[(String, u64)]) -> Vec<AddedRows> {
        let mut brought: BTreeMap<&'static str, AddedRows> = BTreeMap::new();
        let of = |dataset: &'static Dataset| {
            let of_dataset = files.iter().filter(|(name, _)| name == dataset.name);
            let bytes = of_dataset.map(|(_, bytes)| bytes).sum();
            AddedRows { dataset: dataset.name, bytes, ..AddedRows::default() }
        };
        for (dataset, held) in self.held {
            let one = brought.entry(dataset.name).or_insert_with(|| of(dataset));
            one.rows += held.scopes.values().sum::<u64>();
            one.scopes = held.scopes;
        }
        for (dataset, rows) in self.adopted {
            brought.entry(dataset.name).or_insert_with(|| of(dataset)).rows += rows;
        }
        brought.into_values().collect()
    }

    /// Commits the run. Returns none, and commits nothing, when it has no files.
    pub(crate) fn commit_if_new(mut self, now: Timestamp) -> Result<Option<CommitReport>, StoreError> {
        self.write_all()?;
        if self.written.is_empty() { Ok(None) } else { Box::new(self).commit(now).map(Some) }
    }

    /// Writes all pending rows.
    fn write_all(&mut self) -> Result<(), StoreError> {
        for at in 0..self.held.len() {
            if self.held[at].1.len() > 0 {
                self.write_pending(at)?;
            }
            if let Some(file) = self.held[at].1.growing.take() {
                self.written.push(file.finish()?);
            }
            if let Some(bills) = self.held[at].1.bills.take() {
                self.writer()?;
                let writer = self.writer.as_ref().expect("just opened");
                self.written.extend(bills.finish(writer)?);
            }
        }
        Ok(())
    }

    /// Writes the pending rows of one dataset.
    fn write_pending(&mut self, at: usize) -> Result<(), StoreError> {
        self.writer()?;
        let writer = self.writer.as_ref().expect("just opened");
        let (dataset, held) = &mut self.held[at];
        if let Some(frame) = held.frame.take() {
            let piece = settled(dataset, frame, &self.run_id).map_err(|e| misfit(dataset, e))?;
            if held.growing.is_none() {
                held.growing = Some(ParquetAppender::start(writer, dataset, &self.run_id)?);
            }
            scopes::count(dataset, &piece, &mut held.scopes).map_err(|e| misfit(dataset, e))?;
            return Ok(held.growing.as_mut().expect("just made").add(piece)?);
        }
        let name = match held.parts {
            0 => self.run_id.clone(),
            // Run ids contain no dot.
            parts => format!("{}.{}", self.run_id, parts + 1),
        };
        held.prices.settle();
        drop_known(&mut held.prices, dataset, writer, &self.written)?;
        let rows = 0..held.prices.len();
        if !rows.is_empty() {
            let written = writer.write_prices(dataset, &name, &held.prices, rows, GROUP)?;
            held.parts += 1;
            held.prices.count_regions(&mut held.scopes);
            self.written.push(written);
        }
        held.prices.clear();
        Ok(())
    }
}

/// Removes observations that are in a visible file or in an earlier file of this run: overlapping
/// fetches repeat them. Reads only row groups that may have one of them.
fn drop_known(
    prices: &mut SpotPriceSet,
    dataset: &Dataset,
    writer: &LakeWriter,
    written: &[WrittenFile],
) -> Result<(), StoreError> {
    let spans = prices.spans();
    let mut search = prices.search();
    let may_contain = |file: &&DataFile| {
        let of_family = |family| spans.iter().any(|span| span.family == family);
        file.dataset == dataset.name && file.family().is_none_or(of_family)
    };
    let visible = writer.manifest().files.iter().filter(may_contain);
    lake::verify_files(writer.root(), visible.clone())?;
    for file in visible.chain(written.iter().map(|file| &file.0).filter(may_contain)) {
        let file = PriceFile::of(writer.root(), file)?;
        for group in (0..file.groups()).filter(|group| file.may_contain(*group, &spans)) {
            let frame = file.read(group, 0, usize::MAX)?;
            prices.find(&frame, &mut search).map_err(|e| misfit(dataset, e))?;
        }
    }
    prices.drop_known(&search);
    Ok(())
}

impl RunWriter for LakeRun {
    fn add(&mut self, dataset: &'static Dataset, rows: &RowBatch) -> Result<(), StoreError> {
        let frame = columns::batch_frame(rows).map_err(|e| misfit(dataset, e))?;
        self.add_frame(dataset, frame)
    }

    fn add_report(&mut self, told: ScopeReport) -> Result<(), StoreError> {
        self.told.push(told);
        Ok(())
    }

    fn commit(mut self: Box<Self>, now: Timestamp) -> Result<CommitReport, StoreError> {
        self.write_all()?;
        let log = known("collection_run");
        let page = runs(log, &self.run_id, &self.told, self.tool_version);
        let (run_id, tool_version) = (self.run_id.clone(), self.tool_version);
        let mut written = std::mem::take(&mut self.written);
        let writer = self.writer()?;
        // Adopted files come with their own log rows.
        if !page.rows.is_empty() || written.is_empty() {
            written.push(writer.write(log, &run_id, &page)?);
        }
        let bytes = written.iter().map(|file| file.0.bytes).sum();
        let files: Vec<(String, u64)> =
            written.iter().map(|file| (file.0.dataset.clone(), file.0.bytes)).collect();
        let manifest = writer.commit(written, tool_version, now)?;
        Ok(CommitReport { manifest, brought: self.count_added(&files), bytes })
    }
}

/// Returns the rows of a dataset as they are stored: sorted, with `run_id`.
fn settled(dataset: &Dataset, frame: DataFrame, run_id: &str) -> PolarsResult<DataFrame> {
    let order = SortMultipleOptions::default().with_multithreaded(true);
    named(frame.sort(sort_columns(dataset), order)?, dataset, run_id)
}

/// The sort order. The instance type comes first, so that a question about one type reads few row
/// groups.
fn sort_columns(dataset: &Dataset) -> Vec<&'static str> {
    let mut key = dataset.key.to_vec();
    if let Some(at) = key.iter().position(|name| *name == "instance_type") {
        key[..=at].rotate_right(1);
    }
    key
}

/// Returns the dataset's columns in their order, and `run_id` last.
fn named(frame: DataFrame, dataset: &Dataset, run_id: &str) -> PolarsResult<DataFrame> {
    let rows = frame.height();
    let mut columns: Vec<Column> = dataset
        .columns
        .iter()
        .map(|column| frame.column(column.name).cloned())
        .collect::<PolarsResult<_>>()?;
    columns.push(Column::new_scalar(
        PlSmallStr::from_static("run_id"),
        PlSmallStr::from_str(run_id).into(),
        rows,
    ));
    DataFrame::new(rows, columns)
}

fn misfit(dataset: &Dataset, error: polars::prelude::PolarsError) -> StoreError {
    StoreError::BadFile(format!("rows of {} do not fit: {error}", dataset.name))
}

/// Returns the rows of `collection_run`.
fn runs(log: &Dataset, run_id: &str, told: &[ScopeReport], tool_version: &str) -> Page {
    let row = |told: &ScopeReport| {
        let value = |column: &str| match column {
            "run_id" => run_id.into(),
            "dataset" => told.dataset.name.into(),
            "scope" => told.scope.as_str().into(),
            "source" => told.source.as_str().into(),
            "observed_from" => told.observed_from.into(),
            "observed_at" => told.observed_at.into(),
            "outcome" => told.outcome.word().into(),
            "row_count" => Value::Int(told.rows as i64),
            "gaps" => told.gap_texts().into(),
            "tool_version" => tool_version.into(),
            "version" => told.version.clone().into(),
            other => unreachable!("the column {other} of collection_run is never filled"),
        };
        log.columns.iter().map(|column| value(column.name)).collect()
    };
    Page { fields: log.fields(), rows: told.iter().map(row).collect() }
}
