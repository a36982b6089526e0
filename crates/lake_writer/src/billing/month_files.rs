//! The files of a run's bill lines: one for each billing month, with a column for each frequent tag
//! and each frequent entry of `extra`, and beside it one with their daily sums.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Field, PARTITIONS, ValueType, tag_of_column};
use lake::LakeError;
use polars::prelude::{BooleanChunked, Column, DataFrame, IntoColumn, PlSmallStr, PolarsError, PolarsResult};

use super::charges::charge;
use super::daily_sums::DailySums;
use super::entry_columns::{self, EXTRA, EntryColumns, TAGS};
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
    growing: Option<GrowingFile>,
    /// The number of files begun so far.
    parts: usize,
}

/// A file that is being written.
struct GrowingFile {
    lines: ParquetAppender,
    /// The names of the columns of tags.
    tags: Vec<String>,
    /// The names of the columns of `extra`.
    extra: Vec<String>,
    sums: DailySums,
    /// The name of the file of sums below the dataset's folder, without `.parquet`.
    sums_name: String,
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

    /// Adds lines with the dataset's columns, without `run_id`. Their tags and entries of `extra`
    /// are in columns, or whole objects.
    pub(crate) fn add(&mut self, mut frame: DataFrame) -> PolarsResult<()> {
        let estimated = estimated(&frame)?;
        frame.with_column(estimated)?;
        for (month, lines) in by_month(entry_columns::with_columns(frame)?)? {
            match &mut self.months.entry(month).or_default().pending {
                Some(pending) => entry_columns::append(pending, lines)?,
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
            if let Some(growing) = file.growing.take() {
                growing.finish(writer, &self.run, &mut self.written)?;
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
        let split = |growing: Option<&GrowingFile>| {
            let (tags, extra) = growing.map_or((&[][..], &[][..]), |file| (&file.tags, &file.extra));
            SplitLines::of(&frame, tags, extra).map_err(misfit)
        };
        let mut lines = split(self.growing.as_ref())?;
        if self.growing.as_ref().is_none_or(|growing| lines.outgrow(growing)) {
            let (mut tags, mut extra) = (lines.tags.other_names, lines.extra.other_names);
            if let Some(growing) = self.growing.take() {
                tags.splice(0..0, growing.tags.iter().cloned());
                extra.splice(0..0, growing.extra.iter().cloned());
                growing.finish(writer, run, written)?;
            }
            tags.truncate(TAGS.most_columns);
            extra.truncate(EXTRA.most_columns);
            self.growing = Some(self.start(writer, run, month, tags, extra)?);
            lines = split(self.growing.as_ref())?;
        }
        let growing = self.growing.as_mut().expect("just begun");
        let tags = lines.tags.clone();
        let stored = lines.stored(&frame, &run.id).map_err(misfit)?;
        let GrowingFile { lines, sums, .. } = growing;
        // The lines are encoded and compressed while their sums are made.
        std::thread::scope(|scope| {
            let summed = scope.spawn(|| sums.add(&frame, &tags));
            let written = lines.add(stored);
            summed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map_err(misfit)?;
            written
        })
    }

    fn start(
        &mut self,
        writer: &LakeWriter,
        run: &RunName,
        month: &str,
        tags: Vec<String>,
        extra: Vec<String>,
    ) -> Result<GrowingFile, LakeError> {
        self.parts += 1;
        let part = if self.parts == 1 { String::new() } else { format!(".{}", self.parts) };
        let name = |folder: &str| format!("{folder}{month}/{}{part}", run.file);
        let mut fields: Vec<Field> =
            charge().fields().into_iter().filter(|field| field.name != "extra").collect();
        let of_entries = tags.iter().map(String::as_str).chain([TAGS.others]);
        let of_entries = of_entries.chain(extra.iter().map(String::as_str)).chain([EXTRA.others]);
        fields.extend(of_entries.map(|name| Field::new(name, ValueType::Text)));
        let lines = ParquetAppender::start_with(writer, charge(), &name(PARTITIONS[1]), &fields)?;
        let keys: Vec<String> = tags.iter().filter_map(|name| tag_of_column(name)).collect();
        let sums = DailySums::new(&keys);
        Ok(GrowingFile { lines, tags, extra, sums, sums_name: name(PARTITIONS[2]) })
    }
}

impl GrowingFile {
    /// Commits the file of lines, and that of their sums.
    fn finish(
        self,
        writer: &LakeWriter,
        run: &RunName,
        written: &mut Vec<WrittenFile>,
    ) -> Result<(), LakeError> {
        written.push(self.lines.finish()?);
        if let Some((fields, rows)) = self.sums.finish(&run.id).map_err(misfit)? {
            let mut sums = ParquetAppender::start_with(writer, charge(), &self.sums_name, &fields)?;
            for rows in rows {
                sums.add(rows)?;
            }
            written.push(sums.finish()?);
        }
        Ok(())
    }
}

fn misfit(error: PolarsError) -> LakeError {
    LakeError::Unusable(format!("rows of charge do not fit: {error}"))
}

/// Tags and entries of `extra` of some lines, split into those with a column and the others.
struct SplitLines {
    tags: EntryColumns,
    extra: EntryColumns,
}

impl SplitLines {
    fn of(frame: &DataFrame, tags: &[String], extra: &[String]) -> PolarsResult<SplitLines> {
        let tags = EntryColumns::split(frame, &TAGS, tags)?;
        Ok(SplitLines { tags, extra: EntryColumns::split(frame, &EXTRA, extra)? })
    }

    /// Returns whether a file with more columns is a gain. A column for a key that is on few lines
    /// is none.
    fn outgrow(&self, growing: &GrowingFile) -> bool {
        let is_frequent = |lines: usize| lines * 20 > self.tags.others.len();
        (growing.tags.len() < TAGS.most_columns && is_frequent(self.tags.lines_with_others))
            || (growing.extra.len() < EXTRA.most_columns && is_frequent(self.extra.lines_with_others))
    }

    /// Returns lines as they are stored: the dataset's columns without `extra`, `run_id`, and the
    /// columns of tags and of `extra`.
    fn stored(self, frame: &DataFrame, run_id: &str) -> PolarsResult<DataFrame> {
        let mut columns: Vec<Column> = Vec::with_capacity(frame.width() + 3);
        for column in charge().columns.iter().filter(|column| column.name != "extra") {
            columns.push(frame.column(column.name)?.clone());
        }
        let run = PlSmallStr::from_str(run_id);
        columns.push(Column::new_scalar(PlSmallStr::from_static("run_id"), run.into(), frame.height()));
        for (kind, entries) in [(&TAGS, self.tags), (&EXTRA, self.extra)] {
            columns.extend(entries.columns);
            columns.push(entries.others.with_name(PlSmallStr::from_static(kind.others)).into_column());
        }
        DataFrame::new(frame.height(), columns)
    }
}

/// Returns whether an amount may still change: of Cost Explorer alone, which says so in `extra`.
fn estimated(frame: &DataFrame) -> PolarsResult<Column> {
    let known = frame.column("estimated")?;
    let (formats, extra) = (frame.column("source_format")?.str()?, frame.column("extra")?.str()?);
    if known.null_count() < known.len() {
        return Ok(known.clone());
    }
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
