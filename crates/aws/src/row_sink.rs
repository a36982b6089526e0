//! The sink for the rows of one region's task.

use catalog::ports::Gap;
use catalog::{Dataset, Value};
use tokio::sync::mpsc;

use crate::row::DatasetRow;

/// Rows, each with one value per column.
pub(crate) type DatasetRows = Vec<Vec<Value>>;

/// Rows in the channel: the index of their region, their dataset, and the rows.
pub(crate) type RowPage = (usize, &'static Dataset, DatasetRows);

/// The row sink of one region's task. It sends pages of rows to the one receiver.
pub(crate) struct RowSink {
    /// Parts that could not be read, although the task continued.
    pub(crate) gaps: Vec<Gap>,
    /// Number of rows of the requested dataset.
    pub(crate) rows: u64,
    pub(crate) secondary: SecondaryRows,
    number: usize,
    out: mpsc::Sender<RowPage>,
}

/// Rows and gaps of a second dataset, found in the answers for the first.
#[derive(Default)]
pub(crate) struct SecondaryRows {
    pub(crate) rows: u64,
    pub(crate) gaps: Vec<Gap>,
}

impl SecondaryRows {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0 && self.gaps.is_empty()
    }
}

impl RowSink {
    /// Returns a sink for the region with this index.
    pub(crate) fn new(number: usize, out: mpsc::Sender<RowPage>) -> RowSink {
        RowSink { gaps: Vec::new(), rows: 0, secondary: SecondaryRows::default(), number, out }
    }

    /// Sends rows of the requested dataset, and waits while the channel is full.
    pub(crate) async fn add<R: DatasetRow>(&mut self, rows: Vec<R>) -> Result<(), Gap> {
        self.rows += rows.len() as u64;
        self.send(R::DATASET, values(rows)).await
    }

    /// Sends rows of another dataset, and records its gaps.
    pub(crate) async fn add_secondary<R: DatasetRow>(
        &mut self,
        rows: Vec<R>,
        gaps: Vec<Gap>,
    ) -> Result<(), Gap> {
        self.secondary.rows += rows.len() as u64;
        self.secondary.gaps.extend(gaps);
        if rows.is_empty() { Ok(()) } else { self.send(R::DATASET, values(rows)).await }
    }

    async fn send(&self, dataset: &'static Dataset, rows: DatasetRows) -> Result<(), Gap> {
        let sent = self.out.send((self.number, dataset, rows)).await;
        sent.map_err(|_| "the request was stopped".into())
    }
}

fn values<R: DatasetRow>(rows: Vec<R>) -> DatasetRows {
    rows.into_iter().map(R::into_values).collect()
}
