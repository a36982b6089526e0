//! Collects typed rows of a dataset into batches, and reports on their scopes.

use std::collections::BTreeMap;

use catalog::{ColumnValues, Dataset, RowBatch, dataset};
use domain::{InstanceType, Region, Timestamp, parse_exact};

use crate::completeness::ScopeShare;
use crate::{BatchSink, FeedError, FeedReport, bad};

/// Rows per batch.
const BATCH: usize = 50_000;

/// Bytes of the texts of a batch.
const BATCH_BYTES: usize = 32 << 20;

/// Limit of the scopes of a file: regions, or days.
const MOST_SCOPES: usize = 10_000;

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FeedCell<'a> {
    Null,
    Text(&'a str),
    Int(i64),
    Float(f64),
    /// A multiple of ten to the minus scale of its column.
    Exact(i128),
    At(Timestamp),
}

impl<'a> From<Option<&'a str>> for FeedCell<'a> {
    fn from(text: Option<&'a str>) -> FeedCell<'a> {
        text.map_or(FeedCell::Null, FeedCell::Text)
    }
}

/// Parses a price as a multiple of 10⁻¹⁰, the unit of DECIMAL(18,10). Returns `None` if it is no
/// number or does not fit.
pub(crate) fn price(text: &str) -> Option<i128> {
    parse_exact(text, 18, 10)
}

#[derive(Debug, Default)]
struct ScopeTally {
    rows: u64,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    left_out: BTreeMap<&'static str, u64>,
    /// The first value that has not the form of its column, and the number of such rows.
    misspelt: Option<(String, u64)>,
}

/// A column, the check of its texts, and the name of their form.
type ColumnForm = (usize, fn(&str) -> bool, &'static str);

/// Collects rows and passes them to the sink.
pub(crate) struct FeedRows<'a> {
    dataset: &'static Dataset,
    batch: RowBatch,
    /// Bytes of the texts in the batch.
    bytes: usize,
    scopes: BTreeMap<String, ScopeTally>,
    /// The columns with texts of a certain form.
    forms: Vec<ColumnForm>,
    sink: BatchSink<'a>,
}

/// The scope of rows without a valid region.
const NO_SCOPE: &str = "*";

impl<'a> FeedRows<'a> {
    pub(crate) fn new(name: &str, sink: BatchSink<'a>) -> FeedRows<'a> {
        let dataset = dataset(name).expect("a built-in dataset");
        // A charge is never left out, because the sum would be wrong.
        let is_charge = dataset.name == "charge";
        let form = |(at, name): (usize, &str)| match name {
            _ if is_charge => None,
            "instance_type" => Some((at, InstanceType::is_valid as fn(&str) -> bool, "an instance type")),
            "az_id" => Some((at, domain::is_code as fn(&str) -> bool, "a zone id")),
            "region" => Some((at, Region::is_valid as fn(&str) -> bool, "a region code")),
            _ => None,
        };
        let forms = dataset.columns.iter().map(|column| column.name).enumerate().filter_map(form).collect();
        let batch = RowBatch::empty(dataset);
        FeedRows { dataset, batch, bytes: 0, scopes: BTreeMap::new(), forms, sink }
    }

    fn scope(&mut self, name: &str) -> &mut ScopeTally {
        // A file with more scopes is refused, at its end at the latest.
        let name = if self.scopes.len() > MOST_SCOPES { NO_SCOPE } else { name };
        if !self.scopes.contains_key(name) {
            self.scopes.insert(name.to_string(), ScopeTally::default());
        }
        self.scopes.get_mut(name).expect("just inserted")
    }

    /// Adds a row: one cell per column of the dataset, in their order. A row with a text that has
    /// not the form of its column is left out.
    pub(crate) fn push(&mut self, scope: &str, at: Timestamp, row: &[FeedCell<'_>]) -> Result<(), FeedError> {
        assert_eq!(row.len(), self.batch.cells.len(), "a row of {}", self.dataset.name);
        self.check_scopes()?;
        if let Some(fault) = self.misspelt(row) {
            let scope = if Region::is_valid(scope) { scope } else { NO_SCOPE };
            self.scope(scope).misspelt.get_or_insert((fault, 0)).1 += 1;
            return Ok(());
        }
        for (cells, cell) in self.batch.cells.iter_mut().zip(row) {
            if let FeedCell::Text(text) = cell {
                self.bytes += text.len();
            }
            add(cells, *cell);
        }
        let told = self.scope(scope);
        told.rows += 1;
        told.from = Some(told.from.map_or(at, |from| from.min(at)));
        told.until = Some(told.until.map_or(at, |until| until.max(at)));
        if self.batch.len() == BATCH || self.bytes > BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Returns the fault of a text that has not the form of its column.
    fn misspelt(&self, row: &[FeedCell<'_>]) -> Option<String> {
        self.forms.iter().find_map(|(at, is_valid, form)| match row[*at] {
            FeedCell::Text(text) if !is_valid(text) => {
                let shown: String = text.chars().take(60).collect();
                Some(format!("{shown:?} is not {form}"))
            }
            _ => None,
        })
    }

    /// Adds a scope to the reports, even if it gets no rows.
    pub(crate) fn add_scope(&mut self, scope: &str) -> Result<(), FeedError> {
        self.scope(scope);
        self.check_scopes()
    }

    fn check_scopes(&self) -> Result<(), FeedError> {
        match self.scopes.len() > MOST_SCOPES {
            true => Err(bad(format!("it has more than {MOST_SCOPES} regions or days, the limit of a file"))),
            false => Ok(()),
        }
    }

    /// Counts a row that is left out on purpose.
    pub(crate) fn leave_out(&mut self, scope: &str, why: &'static str) {
        *self.scope(scope).left_out.entry(why).or_default() += 1;
    }

    fn flush(&mut self) -> Result<(), FeedError> {
        let batch = std::mem::replace(&mut self.batch, RowBatch::empty(self.dataset));
        self.bytes = 0;
        (self.sink)(batch).map_err(FeedError::Sink)
    }

    /// Passes the last batch to the sink. Returns a report on each scope; `at` is the instant of
    /// scopes without rows.
    pub(crate) fn finish(
        mut self,
        share: ScopeShare,
        at: Timestamp,
        version: Option<&str>,
    ) -> Result<Vec<FeedReport>, FeedError> {
        if !self.batch.is_empty() {
            self.flush()?;
        }
        self.check_scopes()?;
        let unclaimed = match share {
            ScopeShare::Part(why) => Some(why),
            ScopeShare::All | ScopeShare::Asked => None,
        };
        let spoken = |(scope, told): (String, ScopeTally)| FeedReport {
            scope,
            observed_from: told.from.unwrap_or(at),
            observed_at: told.until.unwrap_or(at),
            rows: told.rows,
            // If all rows of a region were left out, the region is not known to be empty.
            complete: share == ScopeShare::All && told.rows > 0,
            gaps: told
                .left_out
                .iter()
                .map(|(why, count)| format!("{count} left out: {why}"))
                .chain(told.misspelt.iter().map(|(why, count)| format!("{count} left out, such as: {why}")))
                .chain(unclaimed.map(String::from))
                .collect(),
            version: version.map(String::from),
        };
        Ok(self.scopes.into_iter().map(spoken).collect())
    }
}

fn add(cells: &mut ColumnValues, cell: FeedCell<'_>) {
    match (cells, cell) {
        (ColumnValues::Text(words), FeedCell::Text(text)) => words.push(Some(text)),
        (ColumnValues::Text(words), FeedCell::Null) => words.push(None),
        (ColumnValues::Int(values), FeedCell::Int(value)) => values.push(Some(value)),
        (ColumnValues::Int(values), FeedCell::Null) => values.push(None),
        (ColumnValues::Float(values), FeedCell::Float(value)) => values.push(Some(value)),
        (ColumnValues::Decimal(values), FeedCell::Exact(value)) => values.push(Some(value)),
        (ColumnValues::Decimal(values), FeedCell::Null) => values.push(None),
        (ColumnValues::Timestamp(values), FeedCell::At(value)) => values.push(Some(value.as_microsecond())),
        (ColumnValues::Timestamp(values), FeedCell::Null) => values.push(None),
        (ColumnValues::Bool(values), FeedCell::Null) => values.push(None),
        (_, cell) => unreachable!("{cell:?} does not belong into its column"),
    }
}
