//! The report of one collected scope.

use domain::Timestamp;

use super::{Gap, RunLogRow};
use crate::Dataset;

/// The outcome of collecting one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeOutcome {
    /// The whole scope was collected.
    Complete,
    /// Part of the scope was collected; the rest is a gap.
    Partial,
    /// The whole scope was collected, and it is empty.
    Empty,
    /// The whole scope was collected and equals the newest earlier run. No rows are added; `rows`
    /// is the number of rows that stay valid.
    Unchanged,
    /// Nothing was collected; the gaps give the reasons.
    Failed,
}

impl ScopeOutcome {
    /// Returns the value in the column `outcome` of `collection_run`.
    pub fn word(self) -> &'static str {
        match self {
            ScopeOutcome::Complete => "complete",
            ScopeOutcome::Partial => "partial",
            ScopeOutcome::Empty => "empty",
            ScopeOutcome::Unchanged => "unchanged",
            ScopeOutcome::Failed => "failed",
        }
    }
}

/// The report of one scope of a dataset: a row of `collection_run` without the run's id.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeReport {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// The scope, as [`crate::DatasetScope`] spells it: a region code, `account/region` or `*`.
    pub scope: String,
    /// Source of the rows in a few words, such as the files' names.
    pub source: String,
    /// The source's name for the collected state, such as a publication, if it has one.
    pub version: Option<String>,
    /// The earliest instant covered by the rows.
    pub observed_from: Timestamp,
    /// Instant as of which the report describes its scope.
    pub observed_at: Timestamp,
    /// The outcome.
    pub outcome: ScopeOutcome,
    /// Number of rows delivered for this scope.
    pub rows: u64,
    /// Missing data, one entry per reason.
    pub gaps: Vec<Gap>,
}

impl ScopeReport {
    /// Returns the reasons of the gaps, as the lake stores them.
    pub fn gap_texts(&self) -> Vec<String> {
        self.gaps.iter().map(|gap| gap.why.clone()).collect()
    }

    /// Returns the report as a row of the run log.
    pub fn to_log_row(&self, run_id: &str) -> RunLogRow {
        RunLogRow {
            run_id: run_id.into(),
            dataset: self.dataset.name.into(),
            scope: self.scope.clone(),
            source: self.source.clone(),
            version: self.version.clone(),
            observed_at: self.observed_at,
            outcome: self.outcome.word().into(),
            rows: self.rows,
            gaps: self.gap_texts(),
        }
    }
}
