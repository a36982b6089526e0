//! The choice of a model by its errors at the series' own past month-ends.

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
        of_candidates[self.index].clone()
    }
}

/// Chooses the model with the least mean error over the newest past months. `errors` holds the
/// candidates' errors of each month, oldest first. Of equal models the first one is chosen, and
/// the first one of all before two months are known.
pub(crate) fn choose(errors: &[Vec<f64>]) -> ModelChoice {
    if errors.len() < LEAST_MONTHS {
        return ModelChoice { index: 0 };
    }
    let newest = &errors[errors.len().saturating_sub(MONTHS)..];
    let sum = |candidate: usize| newest.iter().map(|month| month[candidate]).sum::<f64>();
    let least = (0..newest[0].len()).min_by(|a, b| sum(*a).total_cmp(&sum(*b)));
    ModelChoice { index: least.unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::candidates::CANDIDATES;

    #[test]
    fn the_least_error_of_the_last_four_months_wins() {
        let month = |best: usize| -> Vec<f64> {
            (0..CANDIDATES.len()).map(|candidate| if candidate == best { 0.0 } else { 1.0 }).collect()
        };
        let check = |best: &[usize], expected: usize| {
            let errors: Vec<Vec<f64>> = best.iter().map(|candidate| month(*candidate)).collect();
            assert_eq!(choose(&errors).name(), CANDIDATES[expected].name(), "{best:?}");
        };
        check(&[], 0);
        check(&[3], 0);
        check(&[3, 3], 3);
        check(&[3, 3, 3, 4, 4, 4, 5], 4);
        check(&[3, 4], 3);
    }
}
