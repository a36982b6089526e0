//! Least squares over lags of a series.

use crate::numbers::mean;

/// An autoregression: `y[t] = constant + Σ weight · y[t - lag]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Autoregression {
    constant: f64,
    /// Lags and their weights.
    terms: Vec<(usize, f64)>,
}

/// Sums of products of the regressors, from which every choice of lags is solved.
struct ProductSums {
    /// Row `i` is the constant for 0, then the lags in order, then the value itself.
    sums: Vec<Vec<f64>>,
    rows: usize,
}

impl ProductSums {
    fn of(values: &[f64], lags: &[usize]) -> ProductSums {
        let longest = lags.iter().copied().max().unwrap_or(0);
        let size = lags.len() + 2;
        let mut sums = vec![vec![0.0; size]; size];
        let mut row = vec![0.0; size];
        for t in longest..values.len() {
            row[0] = 1.0;
            for (place, lag) in row[1..].iter_mut().zip(lags) {
                *place = values[t - lag];
            }
            row[size - 1] = values[t];
            for i in 0..size {
                for j in 0..=i {
                    sums[i][j] += row[i] * row[j];
                }
            }
        }
        ProductSums { sums, rows: values.len().saturating_sub(longest) }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        if i >= j { self.sums[i][j] } else { self.sums[j][i] }
    }

    /// Solves for the chosen regressors. Returns the weights and the sum of squared residuals;
    /// `None` if the regressors depend on each other.
    fn solve(&self, chosen: &[usize]) -> Option<(Vec<f64>, f64)> {
        let size = chosen.len();
        let target = self.sums.len() - 1;
        let mut lower = vec![vec![0.0; size]; size];
        let mut weights = vec![0.0; size];
        for i in 0..size {
            for j in 0..=i {
                let known: f64 = (0..j).map(|k| lower[i][k] * lower[j][k]).sum();
                let rest = self.at(chosen[i], chosen[j]) - known;
                if i != j {
                    lower[i][j] = rest / lower[j][j];
                    continue;
                }
                if rest <= 1e-10 * self.at(chosen[i], chosen[i]) {
                    return None;
                }
                lower[i][i] = rest.sqrt();
            }
            let known: f64 = (0..i).map(|k| lower[i][k] * weights[k]).sum();
            weights[i] = (self.at(chosen[i], target) - known) / lower[i][i];
        }
        let explained: f64 = weights.iter().map(|weight| weight * weight).sum();
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|k| lower[k][i] * weights[k]).sum();
            weights[i] = (weights[i] - known) / lower[i][i];
        }
        Some((weights, (self.at(target, target) - explained).max(0.0)))
    }
}

impl Autoregression {
    /// Fits every order up to `most`, with and without the `season` lag, and returns the fit with
    /// the least AICc (Hurvich and Tsai 1989). All are compared over the same days. `None` if the
    /// series is too short or constant.
    pub(crate) fn fit(values: &[f64], most: usize, season: usize) -> Option<Autoregression> {
        let mut lags: Vec<usize> = (1..=most).collect();
        if season > most {
            lags.push(season);
        }
        // Centred, because sums of squares far from 0 lose digits.
        let centre = mean(values);
        let centred: Vec<f64> = values.iter().map(|value| value - centre).collect();
        let products = ProductSums::of(&centred, &lags);
        let mut best: Option<(f64, Autoregression)> = None;
        for order in 0..=most {
            for is_seasonal in [false, true] {
                if is_seasonal && season <= order {
                    continue;
                }
                let mut chosen: Vec<usize> = (0..=order).collect();
                if is_seasonal {
                    chosen.push(if season > most { most + 1 } else { season });
                }
                let Some((weights, squares)) = products.solve(&chosen) else { continue };
                let Some(criterion) = aicc(products.rows, squares, chosen.len()) else { continue };
                if best.as_ref().is_none_or(|(least, _)| criterion < *least) {
                    let constant = weights[0] + centre * (1.0 - weights[1..].iter().sum::<f64>());
                    let terms = chosen[1..].iter().map(|i| lags[i - 1]).zip(weights[1..].iter().copied());
                    best = Some((criterion, Autoregression { constant, terms: terms.collect() }));
                }
            }
        }
        best.map(|(_, model)| model)
    }

    /// Continues a series for `count` values.
    pub(crate) fn continue_from(&self, values: &[f64], count: usize) -> Vec<f64> {
        let mut path = values.to_vec();
        for _ in 0..count {
            let t = path.len();
            let lagged = self.terms.iter().map(|(lag, weight)| weight * path[t - lag]);
            path.push(self.constant + lagged.sum::<f64>());
        }
        path.split_off(values.len())
    }
}

/// Continues the changes over `lag` values, and adds them up.
pub(crate) fn continue_changes(
    values: &[f64],
    lag: usize,
    count: usize,
    fit: impl Fn(&[f64]) -> Option<Vec<f64>>,
) -> Option<Vec<f64>> {
    let changes: Vec<f64> = (lag..values.len()).map(|t| values[t] - values[t - lag]).collect();
    let mut path = values.to_vec();
    for change in fit(&changes)?.into_iter().take(count) {
        path.push(path[path.len() - lag] + change);
    }
    Some(path.split_off(values.len()))
}

/// Akaike's criterion with the correction for few rows. `None` if there are too few rows.
fn aicc(rows: usize, squares: f64, weights: usize) -> Option<f64> {
    let (n, k) = (rows as f64, (weights + 1) as f64);
    let spare = n - k - 1.0;
    (spare > 0.0 && squares > 0.0).then(|| n * (squares / n).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / spare)
}

#[cfg(test)]
mod tests {
    use super::Autoregression;

    #[test]
    fn finds_the_weights_of_a_series_that_follows_them() {
        let mut random = 1_u64;
        let mut noise = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as f64 / 2_f64.powi(31) - 0.5
        };
        let mut values = vec![10.0; 14];
        for t in 14..4000 {
            values.push(2.0 + 0.3 * values[t - 1] + 0.5 * values[t - 7] + noise());
        }
        let model = Autoregression::fit(&values, 8, 7).unwrap();
        let weight = |lag| model.terms.iter().filter(|(at, _)| *at == lag).map(|(_, w)| w).sum::<f64>();
        assert!((weight(1) - 0.3).abs() < 0.05, "{model:?}");
        assert!((weight(7) - 0.5).abs() < 0.05, "{model:?}");
        assert!((model.constant - 2.0).abs() < 1.0, "{model:?}");
        let path = model.continue_from(&values, 300);
        assert!((path[299] - 10.0).abs() < 0.5, "the path tends to the mean: {}", path[299]);
    }

    #[test]
    fn a_series_too_short_or_constant_has_no_model() {
        assert_eq!(Autoregression::fit(&[1.0, 2.0, 3.0], 8, 7), None);
        assert_eq!(Autoregression::fit(&[5.0; 100], 8, 7), None);
    }
}
