//! The files of a run's bill lines: one for each billing month, with a column for each frequent
//! tag.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Dataset, OTHER_TAGS, PARTITIONS, tag_column};
use lake::LakeError;
use polars::prelude::{BooleanChunked, Column, DataFrame, IntoColumn, PlSmallStr, PolarsError, PolarsResult};

use super::charges::charge;
use super::tag_columns::{MOST_COLUMNS, TagColumns};
use crate::LakeWriter;
use crate::parquet_appender::ParquetAppender;
use crate::writer::WrittenFile;

/// Rows of all months in memory at which the largest month is written, as a row group. Each takes
/// about 1.5 kB.
const PENDING_ROWS: usize = if cfg!(test) { 10 } else { 100_000 };

/// The bill lines of one run that are being written.
pub(crate) struct MonthFiles {
    run: RunName,
    months: BTreeMap<String, MonthFile>,
    written: Vec<WrittenFile>,
}

/// The run of the lines, and the name of its files without `.parquet`.
struct RunName {
    id: String,
    file: String,
}

#[derive(Default)]
struct MonthFile {
    pending: Option<DataFrame>,
    growing: Option<(ParquetAppender, Vec<String>)>,
    /// The number of files begun so far.
    parts: usize,
}

impl MonthFile {
    fn pending_rows(&self) -> usize {
        self.pending.as_ref().map_or(0, DataFrame::height)
    }
}

impl MonthFiles {
    /// Begins the files of a run. `file` is their name without `.parquet`; it begins with the run.
    pub(crate) fn new(run_id: &str, file: &str) -> MonthFiles {
        let run = RunName { id: run_id.into(), file: file.into() };
        MonthFiles { run, months: BTreeMap::new(), written: Vec::new() }
    }

    /// Adds lines with the dataset's columns, without `run_id`.
    pub(crate) fn add(&mut self, frame: DataFrame) -> PolarsResult<()> {
        for (month, lines) in by_month(frame)? {
            match &mut self.months.entry(month).or_default().pending {
                Some(pending) => drop(pending.vstack_mut(&lines)?),
                none => *none = Some(lines),
            }
        }
        Ok(())
    }

    /// Returns true if lines should be written before more are added.
    pub(crate) fn is_full(&self) -> bool {
        self.months.values().map(MonthFile::pending_rows).sum::<usize>() >= PENDING_ROWS
    }

    /// Writes the lines of the month with most of them.
    pub(crate) fn write_largest(&mut self, writer: &LakeWriter) -> Result<(), LakeError> {
        let largest = self.months.iter_mut().max_by_key(|(_, file)| file.pending_rows());
        match largest {
            Some((month, file)) => file.write(writer, &self.run, month, &mut self.written),
            None => Ok(()),
        }
    }

    /// Writes all lines. Returns the files.
    pub(crate) fn finish(mut self, writer: &LakeWriter) -> Result<Vec<WrittenFile>, LakeError> {
        for (month, file) in &mut self.months {
            file.write(writer, &self.run, month, &mut self.written)?;
            if let Some((appender, _)) = file.growing.take() {
                self.written.push(appender.finish()?);
            }
        }
        Ok(self.written)
    }
}

impl MonthFile {
    fn write(
        &mut self,
        writer: &LakeWriter,
        run: &RunName,
        month: &str,
        written: &mut Vec<WrittenFile>,
    ) -> Result<(), LakeError> {
        let Some(frame) = self.pending.take() else { return Ok(()) };
        let misfit = |e: PolarsError| LakeError::Unusable(format!("rows of charge do not fit: {e}"));
        let tags = frame.column("tags").and_then(|tags| tags.str()).map_err(misfit)?;
        let mut split = self.growing.as_ref().map(|(_, keys)| TagColumns::split(tags, keys));
        let keys = self.growing.as_ref().map_or(&[][..], |(_, keys)| keys);
        let is_outgrown = |split: &TagColumns| {
            // A column for a key that is on few lines is no gain.
            keys.len() < MOST_COLUMNS && split.lines_with_others * 20 > frame.height()
        };
        if split.as_ref().is_none_or(is_outgrown) {
            let more = split.take().unwrap_or_else(|| TagColumns::split(tags, &[])).other_keys;
            let keys: Vec<String> = keys.iter().cloned().chain(more).take(MOST_COLUMNS).collect();
            if let Some((appender, _)) = self.growing.take() {
                written.push(appender.finish()?);
            }
            self.growing = Some((self.start(writer, run, month, &keys)?, keys));
        }
        let (appender, keys) = self.growing.as_mut().expect("just begun");
        let split = split.unwrap_or_else(|| TagColumns::split(tags, keys));
        appender.add(stored(&frame, &run.id, keys, split).map_err(misfit)?)
    }

    fn start(
        &mut self,
        writer: &LakeWriter,
        run: &RunName,
        month: &str,
        keys: &[String],
    ) -> Result<ParquetAppender, LakeError> {
        self.parts += 1;
        let part = if self.parts == 1 { String::new() } else { format!(".{}", self.parts) };
        let name = format!("{}{month}/{}{part}", PARTITIONS[1], run.file);
        let mut more: Vec<String> = keys.iter().map(|key| tag_column(key)).collect();
        more.push(OTHER_TAGS.into());
        ParquetAppender::start(writer, charge(), &name, &more)
    }
}

/// Returns lines as they are stored: the dataset's columns, `run_id`, the columns of tags.
fn stored(frame: &DataFrame, run_id: &str, keys: &[String], split: TagColumns) -> PolarsResult<DataFrame> {
    let dataset: &Dataset = charge();
    let mut columns: Vec<Column> = Vec::with_capacity(dataset.columns.len() + keys.len() + 2);
    for column in dataset.columns {
        columns.push(match column.name {
            "estimated" => estimated(frame)?,
            name => frame.column(name)?.clone(),
        });
    }
    let run = PlSmallStr::from_str(run_id);
    columns.push(Column::new_scalar(PlSmallStr::from_static("run_id"), run.into(), frame.height()));
    for (key, values) in keys.iter().zip(split.columns) {
        columns.push(values.with_name(PlSmallStr::from_str(&tag_column(key))).into_column());
    }
    columns.push(split.others.with_name(PlSmallStr::from_static(OTHER_TAGS)).into_column());
    DataFrame::new(frame.height(), columns)
}

/// Returns whether an amount may still change: of Cost Explorer alone, which says so in `extra`.
fn estimated(frame: &DataFrame) -> PolarsResult<Column> {
    let (formats, extra) = (frame.column("source_format")?.str()?, frame.column("extra")?.str()?);
    let flag = |(format, extra): (Option<&str>, Option<&str>)| {
        let marked = || extra.is_some_and(|extra| extra.contains(r#""Estimated":"true""#));
        (format == Some("cost-explorer")).then(marked)
    };
    let flags: BooleanChunked = formats.iter().zip(extra.iter()).map(flag).collect();
    Ok(flags.with_name(PlSmallStr::from_static("estimated")).into_column())
}

/// Splits lines by the month of their bill, such as `2026-11`.
fn by_month(frame: DataFrame) -> PolarsResult<Vec<(String, DataFrame)>> {
    let bills = frame.column("bill")?.str()?.clone();
    let months: BTreeSet<String> = bills.iter().flatten().map(month_of).fold(BTreeSet::new(), with_month);
    if months.len() <= 1 {
        return Ok(months.into_iter().map(|month| (month, frame.clone())).collect());
    }
    let part = |month: String| {
        let is_in: BooleanChunked = bills.iter().map(|bill| bill.map(month_of) == Some(&month)).collect();
        Ok((month, frame.filter(&is_in)?))
    };
    months.into_iter().map(part).collect()
}

fn with_month(mut months: BTreeSet<String>, month: &str) -> BTreeSet<String> {
    // Most lines have a month that is known.
    if !months.contains(month) {
        months.insert(month.into());
    }
    months
}

/// Returns the month in the name of a bill: `account/2026-11`, or a day in its place.
fn month_of(bill: &str) -> &str {
    let period = bill.rsplit('/').next().unwrap_or(bill);
    period.get(..7).unwrap_or(period)
}
