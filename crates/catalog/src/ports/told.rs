//! What is told of a scope when somebody has looked at it.

use domain::Timestamp;

use super::Logged;
use crate::Dataset;

/// How a look at one scope ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of the scope was seen.
    Complete,
    /// Part of it was seen; what could not be is a gap.
    Partial,
    /// All of the scope was seen, and nothing is there.
    Empty,
    /// All of it was seen, and it is what the newest run before said: no rows are brought, `rows` says how many stand.
    Unchanged,
    /// Nothing could be seen; the gaps say why.
    Failed,
}

impl Outcome {
    /// The word in `collection_run`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
            Outcome::Empty => "empty",
            Outcome::Unchanged => "unchanged",
            Outcome::Failed => "failed",
        }
    }
}

/// What was told of one scope of a dataset: a row of `collection_run`, without the run's own name.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// The scope, as [`crate::Scope`] spells it: a region code, `account/region` or `*`.
    pub scope: String,
    /// Where the rows are from, a few words: the files' names.
    pub source: String,
    /// What the source calls the state that was seen (a publication), if it has a name.
    pub version: Option<String>,
    /// The earliest instant that the rows speak of.
    pub observed_from: Timestamp,
    /// The instant of which this is the newest statement.
    pub observed_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// Rows that were handed over for this scope.
    pub rows: u64,
    /// What could not be seen, a lowercase fragment each.
    pub gaps: Vec<String>,
}

impl Told {
    /// The statement as the log of that run has it.
    pub fn logged(&self, run_id: &str) -> Logged {
        Logged {
            run_id: run_id.into(),
            dataset: self.dataset.name.into(),
            scope: self.scope.clone(),
            source: self.source.clone(),
            version: self.version.clone(),
            observed_at: self.observed_at,
            outcome: self.outcome.word().into(),
            rows: self.rows,
            gaps: self.gaps.clone(),
        }
    }
}
