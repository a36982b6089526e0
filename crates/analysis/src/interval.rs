//! Conformal intervals of month totals: past errors decide the width.
//!
//! Each past error is divided by the mean of the other past errors of the same series, so that it
//! takes no part in its own scale. These ratios are pooled over all series. The interval of a total
//! is the quantile of the ratios times the series' mean past error.

use crate::numbers::quantile;

/// Ratios that are assumed beside the pooled ones: errors of a normal distribution over the mean of
/// 8 others (Student's t of 8 degrees of freedom, two-sided quantiles).
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
            self.add_ratio(*error, (sum - error) / (errors.len() - 1) as f64);
        }
    }

    /// Adds the ratio of an error to the mean of the other errors of its series.
    pub(crate) fn add_ratio(&mut self, error: f64, mean_of_others: f64) {
        if mean_of_others > 0.0 && error.is_finite() {
            self.ratios.push(error / mean_of_others);
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

#[cfg(test)]
mod tests {
    use super::RatioPool;

    #[test]
    fn an_error_takes_no_part_in_its_own_scale() {
        let mut pool = RatioPool::default();
        pool.add(&[1.0, 1.0, 10.0]);
        assert_eq!(pool.ratios, [1.0 / 5.5, 1.0 / 5.5, 10.0]);
        pool.add(&[3.0]);
        pool.add(&[0.0, 0.0]);
        assert_eq!(pool.ratios.len(), 3, "one error has no scale, and neither have errors of 0");
    }

    #[test]
    fn a_factor_covers_the_share_of_the_ratios_that_its_level_says() {
        let mut pool = RatioPool::default();
        assert!((pool.factor(0.8) - 1.75).abs() < 0.2, "the assumed errors alone: {}", pool.factor(0.8));
        assert!(pool.factor(1.0) >= pool.factor(0.95) && pool.factor(0.95) > pool.factor(0.8));
        for error in 1..=9_980 {
            pool.add_ratio(f64::from(error) / 1000.0, 1.0);
        }
        for level in [0.5, 0.8, 0.95] {
            let within = pool.ratios.iter().filter(|ratio| **ratio <= pool.factor(level)).count();
            assert!((within as f64 / 9_980.0 - level).abs() < 0.002, "{level}: {within}");
        }
    }
}
