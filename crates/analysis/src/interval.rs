//! Conformal intervals of month totals: past errors decide the width.
//!
//! Each past error is divided by the mean of the other past errors of the same series, so that it
//! takes no part in its own scale. These ratios are pooled over all series. The interval of a total
//! is the quantile of the ratios times the series' mean past error.

use crate::numbers::quantile;

/// Ratios that are assumed beside the pooled ones: the errors of a normal distribution, whose scale
/// is the mean of 8 others (Student's t of 8 degrees of freedom, two-sided quantiles).
const ASSUMED: [f64; 20] = [
    0.032, 0.097, 0.162, 0.228, 0.296, 0.364, 0.435, 0.508, 0.584, 0.665, 0.750, 0.841, 0.939, 1.049, 1.172,
    1.315, 1.488, 1.713, 2.046, 2.752,
];

/// Ratios of past errors, pooled over series.
#[derive(Debug, Clone, Default)]
pub(crate) struct RatioPool {
    ratios: Vec<f64>,
}

impl RatioPool {
    /// Adds the past errors of a series.
    pub(crate) fn add(&mut self, errors: &[f64]) {
        if errors.len() < 2 {
            return;
        }
        let sum: f64 = errors.iter().sum();
        for error in errors {
            let scale = (sum - error) / (errors.len() - 1) as f64;
            if scale > 0.0 {
                self.ratios.push(error / scale);
            }
        }
    }

    /// The factor of a series' mean past error at a level between 0 and 1.
    pub(crate) fn factor(&self, level: f64) -> f64 {
        let normal = ASSUMED.iter().map(|t| t * 1.2533);
        let mut all: Vec<f64> = self.ratios.iter().copied().chain(normal).collect();
        // The finite-sample quantile of conformal prediction: (n + 1) · level of n values.
        let share = (level * (1.0 + 1.0 / all.len() as f64)).min(1.0);
        quantile(&mut all, share)
    }
}
