//! What is told of a scope when somebody has looked at it.

use domain::Timestamp;

use crate::Dataset;

/// How a look at one scope ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of the scope was seen.
    Complete,
    /// Part of it was seen; what could not be is a gap.
    Partial,
}

impl Outcome {
    /// The word in `collection_run`.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Partial => "partial",
        }
    }
}

/// What was told of one scope of a dataset: a row of `collection_run`, without the run's own name.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The dataset.
    pub dataset: &'static Dataset,
    /// The scope, as [`crate::Scope`] spells it: a region code or `*`.
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
