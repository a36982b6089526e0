//! The choice of a model by its errors at the series' own past month-ends.

use crate::backtest::PastOrigin;
use crate::candidates::CANDIDATES;

/// Past months that decide.
const MONTHS: usize = 4;

/// Past months without which no errors are compared, and the first candidate is chosen.
const LEAST_MONTHS: usize = 2;

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
    if origins.len() < LEAST_MONTHS {
        return ModelChoice { index: 0 };
    }
    let mut sums = vec![0.0; CANDIDATES.len()];
    for origin in &origins[origins.len().saturating_sub(MONTHS)..] {
        for (sum, error) in sums.iter_mut().zip(origin.errors()) {
            *sum += error;
        }
    }
    let least = (0..sums.len()).min_by(|a, b| sums[*a].total_cmp(&sums[*b]));
    ModelChoice { index: least.unwrap_or(0) }
}
