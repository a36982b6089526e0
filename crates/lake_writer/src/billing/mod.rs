//! Bills: FOCUS exports and Cost and Usage Reports, mapped column by column, in pieces of bounded
//! size.

mod account_ids;
mod charges;
mod compaction;
mod coverage;
mod cur;
mod daily_sums;
mod entry_columns;
mod findings;
mod focus;
mod import;
mod instance_types;
mod line_sum;
mod maps;
mod month_files;
mod object_entries;
mod piece;
#[cfg(test)]
mod reader_tests;
mod returned;
mod table;
mod tag_keys;
mod tag_totals;
#[cfg(test)]
mod tests;
mod text_ids;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use catalog::ports::{BillLayout, StoreError};
use polars::prelude::{DataFrame, IntoColumn, StringChunked, StringChunkedBuilder};

use account_ids::AccountId;
use charges::charge;
pub(crate) use compaction::compact_bills;
pub(crate) use entry_columns::stored_lines;
use findings::BillFindings;
pub(crate) use import::import;
pub(crate) use month_files::MonthFiles;
use piece::{BillHeading, BillPiece};
use table::BillOpener;
use table::BillTable;

/// The summary of one bill's lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BillSummary {
    /// The number of lines.
    pub(crate) rows: u64,
    /// The start of its billing period, in microseconds since 1970.
    pub(crate) from: i64,
    /// The accounts with lines.
    pub(crate) accounts: BTreeSet<String>,
    /// The name of the file with its lines, or several joined by commas.
    pub(crate) source: String,
    /// Amounts that were rounded, and cells that could not be read.
    pub(crate) findings: BillFindings,
}

/// Bills by `<account>/<month>`.
pub(crate) type BillSummaries = BTreeMap<String, BillSummary>;

/// Receives charges in the dataset's columns.
pub(crate) type ChargeSink<'a> = &'a mut dyn FnMut(DataFrame) -> Result<(), StoreError>;

/// Reads a file, gives its charges to `sink`, and returns its bills.
pub(crate) fn read(
    layout: BillLayout,
    path: &Path,
    open: BillOpener<'_>,
    sink: ChargeSink<'_>,
) -> Result<BillSummaries, StoreError> {
    let bad = |why: String| StoreError::BadFile(format!("{}: {why}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut bills = BillSummaries::new();
    let mut table = BillTable::open(path, open, null_word(layout)).map_err(bad)?;
    let headings: Vec<BillHeading> = table.names.iter().map(|name| BillHeading::new(name)).collect();
    check(layout, &headings).map_err(bad)?;
    let mut first = 1;
    let mut next = table.next().map_err(bad)?;
    let mut mapped = None;
    let mut take = |mapped: Option<(DataFrame, BillSummaries)>| match mapped {
        Some((charges, part)) => {
            merge(&mut bills, part);
            sink(charges)
        }
        None => Ok(()),
    };
    while let Some(frame) = next {
        let lines = std::mem::take(&mut table.lines);
        let rows =
            BillRows { layout, headings: &headings, frame: &frame, first, lines: &lines, source: &name };
        let before = mapped.take();
        // The rows before are taken, and the next ones are read, while these are mapped.
        let (charges, (taken, following)) = rows.map_beside(|| (take(before), table.next()));
        taken?;
        mapped = Some(charges.map_err(bad)?);
        first += frame.height();
        next = following.map_err(bad)?;
    }
    take(mapped)?;
    if bills.is_empty() {
        return Err(bad("it has no rows".into()));
    }
    Ok(bills)
}

/// Rows that a thread maps at once. Their columns fit into a processor's cache.
const PART_ROWS: usize = 5_000;

/// Adds the bills of later rows of the same file.
fn merge(bills: &mut BillSummaries, part: BillSummaries) {
    for (scope, summary) in part {
        match bills.entry(scope) {
            Entry::Vacant(new) => drop(new.insert(summary)),
            Entry::Occupied(mut known) => {
                known.get_mut().rows += summary.rows;
                known.get_mut().findings.merge(summary.findings);
                known.get_mut().accounts.extend(summary.accounts);
            }
        }
    }
}

/// Rows of a file, and all that mapping them needs.
#[derive(Clone, Copy)]
struct BillRows<'a> {
    layout: BillLayout,
    headings: &'a [BillHeading],
    frame: &'a DataFrame,
    /// The number of the first row in the file, counted from 1.
    first: usize,
    /// The line of each row in the file; empty if the file has no lines.
    lines: &'a [u64],
    source: &'a str,
}

/// Charges in the dataset's columns, and their bills.
type MappedRows = Result<(DataFrame, BillSummaries), String>;

impl BillRows<'_> {
    /// Maps the rows in one thread for each processor, and calls a function meanwhile. Returns the
    /// charges in the order of the rows, or the first error, and the function's result.
    fn map_beside<T>(self, meanwhile: impl FnOnce() -> T) -> (MappedRows, T) {
        let parts = self.frame.height().div_ceil(PART_ROWS);
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(parts);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut mapped = Vec::new();
            loop {
                let part = next.fetch_add(1, Ordering::Relaxed);
                if part >= parts {
                    return mapped;
                }
                mapped.push((part, self.map_part(part * PART_ROWS, PART_ROWS)));
            }
        };
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let result = meanwhile();
            let mapped = started.into_iter().flat_map(|part| part.join().expect("mapping does not panic"));
            (joined(mapped.collect()), result)
        })
    }

    fn map_part(self, from: usize, rows: usize) -> MappedRows {
        let frame = self.frame.slice(from as i64, rows);
        let lines = self.lines.get(from..).unwrap_or_default();
        let mut bills = BillSummaries::new();
        let mut piece = BillPiece::new(self.headings, &frame, self.first + from, lines);
        let charges = map(self.layout, &mut piece, self.source, &mut bills)?;
        Ok((charges, bills))
    }
}

/// Returns the charges of numbered parts in the order of the parts, or the first error.
fn joined(mut parts: Vec<(usize, MappedRows)>) -> MappedRows {
    parts.sort_unstable_by_key(|(part, _)| *part);
    let mut parts = parts.into_iter().map(|(_, mapped)| mapped);
    let (mut charges, mut bills) = parts.next().ok_or("it has an empty piece")??;
    for mapped in parts {
        let (more, part) = mapped?;
        entry_columns::append(&mut charges, more).map_err(|e| e.to_string())?;
        merge(&mut bills, part);
    }
    Ok((charges, bills))
}

/// The text of an empty field in the layout's CSV files.
fn null_word(layout: BillLayout) -> &'static [u8] {
    match layout {
        BillLayout::Focus => b"NULL",
        BillLayout::Cur => b"",
    }
}

/// Checks that a file has the columns of that layout. The error is one sentence.
pub(crate) fn probe(layout: BillLayout, path: &Path, open: BillOpener<'_>) -> Result<(), String> {
    let table = BillTable::open(path, open, b"")?;
    check(layout, &table.names.iter().map(|name| BillHeading::new(name)).collect::<Vec<_>>())
}

fn check(layout: BillLayout, headings: &[BillHeading]) -> Result<(), String> {
    let (needed, what) = match layout {
        BillLayout::Focus => (focus::NEEDED, "a FOCUS export"),
        BillLayout::Cur => (cur::NEEDED, "a Cost and Usage Report"),
    };
    match needed.iter().find(|key| headings.iter().all(|heading| heading.key != **key)) {
        Some(missing) => Err(format!("it has no column {missing}, so it is not {what}")),
        None => Ok(()),
    }
}

fn map(
    layout: BillLayout,
    piece: &mut BillPiece<'_>,
    source: &str,
    bills: &mut BillSummaries,
) -> Result<DataFrame, String> {
    let (mut charges, format) = match layout {
        BillLayout::Focus => (focus::charges(piece)?, "focus"),
        BillLayout::Cur => (cur::charges(piece)?, "cur"),
    };
    charges.constant("source_format", format);
    charges.constant("source", source);
    let mut frame = charges.finish()?;
    for column in piece.rest()? {
        frame.with_column(column).map_err(|e| e.to_string())?;
    }
    CODES.iter().try_for_each(|name| check_codes(piece, &mut frame, name))?;
    let scopes = scopes(piece, &frame, source, bills)?;
    frame.with_column(scopes.into_column()).map_err(|e| e.to_string())?;
    Ok(frame)
}

/// Columns with a provider's codes, which appear in messages.
const CODES: [&str; 2] = ["instance_type", "region_id"];

/// Removes texts that have not the form of a code, and reports them.
fn check_codes(piece: &BillPiece<'_>, frame: &mut DataFrame, name: &'static str) -> Result<(), String> {
    let failed = |e: polars::prelude::PolarsError| e.to_string();
    let texts = frame.column(name).map_err(failed)?.str().map_err(failed)?;
    if texts.iter().flatten().all(domain::is_code) {
        return Ok(());
    }
    let checked = texts.iter().enumerate().map(|(row, text)| {
        let text = text?;
        if domain::is_code(text) {
            return Some(text);
        }
        piece.note_unreadable(name, row, text);
        None
    });
    let checked: StringChunked = checked.collect();
    frame.with_column(checked.with_name(name.into()).into_column()).map(drop).map_err(failed)
}

/// Limit of the bills of a file: the months of its paying accounts.
const MOST_BILLS: usize = 10_000;

/// Returns the bill of each row. A row without account, period, currency or cost is refused.
fn scopes(
    piece: &BillPiece<'_>,
    frame: &DataFrame,
    source: &str,
    bills: &mut BillSummaries,
) -> Result<StringChunked, String> {
    for name in ["billed_cost", "billing_currency", "billing_account_id", "billing_period_start"] {
        let nulls = frame.column(name).map_err(|e| e.to_string())?.is_null();
        if let Some(at) = nulls.iter().position(|null| null == Some(true)) {
            return Err(format!("{} has no {name}", piece.row(at)));
        }
    }
    let failed = |e: polars::prelude::PolarsError| e.to_string();
    let accounts = frame.column("billing_account_id").map_err(failed)?.str().map_err(failed)?;
    let periods = frame.column("billing_period_start").map_err(failed)?;
    let periods = periods.cast(&polars::prelude::DataType::Int64).map_err(failed)?;
    let users = frame.column("sub_account_id").map_err(failed)?.str().map_err(failed)?;
    let mut last: (&str, i64, String) = ("", i64::MIN, String::new());
    let mut scopes = StringChunkedBuilder::new("bill".into(), piece.height());
    let rows = accounts.iter().zip(periods.i64().map_err(failed)?.iter()).zip(users.iter());
    for ((account, from), user) in rows {
        let (account, from) = (account.unwrap_or_default(), from.unwrap_or_default());
        if (account, from) != (last.0, last.1) {
            refuse_rounded(account)?;
            // A slash divides the parts of a scope. Accounts of other clouds have some.
            last = (account, from, format!("{}/{}", account.replace('/', ":"), month(from)?));
            if bills.len() > MOST_BILLS {
                return Err(format!("it has more than {MOST_BILLS} bills, the limit of a file"));
            }
        }
        let bill = match bills.get_mut(&last.2) {
            Some(bill) => bill,
            None => bills.entry(last.2.clone()).or_default(),
        };
        if bill.rows == 0 {
            (bill.from, bill.source) = (from, source.into());
        }
        bill.rows += 1;
        if let Some(user) = user.filter(|user| !bill.accounts.contains(*user)) {
            bill.accounts.insert(user.into());
        }
        scopes.append_value(&last.2);
    }
    let scopes = scopes.finish();
    for (row, finding) in piece.take_findings() {
        bills.entry(scopes.get(row).unwrap_or_default().into()).or_default().findings.add(finding);
    }
    Ok(scopes)
}

/// Refuses an account of a bill that lacks digits, because it is part of the bill's identity.
fn refuse_rounded(account: &str) -> Result<(), String> {
    match AccountId::of(account, false) {
        AccountId::Known(_) => Ok(()),
        AccountId::Rounded => Err(format!(
            "its account {account} is a number without all of its digits; export the bill again, and do not \
             save it in a spreadsheet program"
        )),
    }
}

/// The month of an instant, such as `2018-10`. Billing periods begin at midnight UTC.
fn month(micros: i64) -> Result<String, String> {
    let instant = domain::Timestamp::from_microsecond(micros)
        .map_err(|_| format!("{micros} microseconds since 1970 is not a time"))?;
    Ok(instant.to_string()[..7].to_string())
}
