//! The choice of a model by its errors at the series' own past month-ends.

use crate::backtest::PastOrigin;
use crate::candidates::{CANDIDATES, Candidate};

/// Past months that decide.
const MONTHS: usize = 4;

/// The model before any month of the series has ended.
const FIRST_CHOICE: Candidate = Candidate::LastWeek;

/// The chosen model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ModelChoice {
    index: usize,
}

impl ModelChoice {
    /// The model's name.
    pub(crate) fn name(&self) -> &'static str {
        CANDIDATES[self.index].name()
    }

    /// The chosen amounts of each candidate's amounts.
    pub(crate) fn blend(&self, of_candidates: &[Vec<f64>]) -> Vec<f64> {
        of_candidates[self.index.min(of_candidates.len() - 1)].clone()
    }
}

/// Chooses the model with the least mean error over the newest of these origins. Of equal models
/// the first one is chosen.
pub(crate) fn choose(origins: &[&PastOrigin]) -> ModelChoice {
    let newest = &origins[origins.len().saturating_sub(MONTHS)..];
    let mut sums = vec![0.0; CANDIDATES.len()];
    for origin in newest {
        for (sum, error) in sums.iter_mut().zip(origin.errors()) {
            *sum += error;
        }
    }
    let first = CANDIDATES.iter().position(|candidate| *candidate == FIRST_CHOICE).unwrap_or(0);
    let least = (0..sums.len()).min_by(|a, b| sums[*a].total_cmp(&sums[*b]));
    ModelChoice { index: if newest.is_empty() { first } else { least.unwrap_or(first) } }
}
