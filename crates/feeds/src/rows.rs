//! Collects typed rows of a dataset into batches, and reports on their scopes.

use std::collections::BTreeMap;

use catalog::{ColumnValues, Dataset, RowBatch, dataset};
use domain::{Timestamp, parse_exact};

use crate::completeness::ScopeShare;
use crate::{BatchSink, FeedError, FeedReport};

/// Rows per batch.
const BATCH: usize = 50_000;

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
}

/// Collects rows and passes them to the sink.
pub(crate) struct FeedRows<'a> {
    dataset: &'static Dataset,
    batch: RowBatch,
    scopes: BTreeMap<String, ScopeTally>,
    sink: BatchSink<'a>,
}

impl<'a> FeedRows<'a> {
    pub(crate) fn new(name: &str, sink: BatchSink<'a>) -> FeedRows<'a> {
        let dataset = dataset(name).expect("a built-in dataset");
        FeedRows { dataset, batch: RowBatch::empty(dataset), scopes: BTreeMap::new(), sink }
    }

    fn scope(&mut self, name: &str) -> &mut ScopeTally {
        if !self.scopes.contains_key(name) {
            self.scopes.insert(name.to_string(), ScopeTally::default());
        }
        self.scopes.get_mut(name).expect("just inserted")
    }

    /// Adds a row: one cell per column of the dataset, in their order.
    pub(crate) fn push(&mut self, scope: &str, at: Timestamp, row: &[FeedCell<'_>]) -> Result<(), FeedError> {
        assert_eq!(row.len(), self.batch.cells.len(), "a row of {}", self.dataset.name);
        for (cells, cell) in self.batch.cells.iter_mut().zip(row) {
            add(cells, *cell);
        }
        let told = self.scope(scope);
        told.rows += 1;
        told.from = Some(told.from.map_or(at, |from| from.min(at)));
        told.until = Some(told.until.map_or(at, |until| until.max(at)));
        if self.batch.len() == BATCH { self.flush() } else { Ok(()) }
    }

    /// Adds a scope to the reports, even if it gets no rows.
    pub(crate) fn add_scope(&mut self, scope: &str) {
        self.scope(scope);
    }

    /// Counts a row that is left out on purpose.
    pub(crate) fn leave_out(&mut self, scope: &str, why: &'static str) {
        *self.scope(scope).left_out.entry(why).or_default() += 1;
    }

    fn flush(&mut self) -> Result<(), FeedError> {
        let batch = std::mem::replace(&mut self.batch, RowBatch::empty(self.dataset));
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
        (_, cell) => unreachable!("{cell:?} does not belong into its column"),
    }
}
