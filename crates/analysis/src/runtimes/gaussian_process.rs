//! Regression with a Gaussian process (Rasmussen and Williams 2006, algorithm 2.1, section 5.4).

/// The covariance of two points. The last parameter is the variance of the noise, which the process
/// itself adds.
pub(super) type Covariance = fn(&[f64], &[f64], &[f64]) -> f64;

/// Points of at most this many runs choose the parameters; their cost grows with the cube.
const LEARNING_POINTS: usize = 150;
/// Rounds of the search for parameters.
const SEARCH_ROUNDS: usize = 5;
/// The bounds of a parameter: nothing is learnt beyond them.
const PARAMETER_RANGE: (f64, f64) = (-12.0, 6.0);

/// A process with parameters, conditioned on values.
pub(super) struct GaussianProcess {
    covariance: Covariance,
    scales: Vec<f64>,
    points: Vec<Vec<f64>>,
    factor: CholeskyFactor,
    /// The inverse of the covariance matrix times the values.
    weights: Vec<f64>,
}

impl GaussianProcess {
    /// Conditions a process on values. The parameters are logarithms. `None` if the covariances are
    /// not positive definite.
    pub(super) fn condition(
        covariance: Covariance,
        parameters: &[f64],
        points: &[Vec<f64>],
        values: &[f64],
    ) -> Option<GaussianProcess> {
        let scales: Vec<f64> = parameters.iter().map(|log| log.exp()).collect();
        let noise = *scales.last()?;
        let factor = CholeskyFactor::of(points.len(), |i, j| {
            covariance(&scales, &points[i], &points[j]) + if i == j { noise } else { 0.0 }
        })?;
        let weights = factor.solve_upper(factor.solve_lower(values));
        Some(GaussianProcess { covariance, scales, points: points.to_vec(), factor, weights })
    }

    /// Returns the parameters of the largest likelihood near `start`, by a search along each
    /// parameter in turn. The search has no random part.
    pub(super) fn learn(
        covariance: Covariance,
        start: &[f64],
        points: &[Vec<f64>],
        values: &[f64],
    ) -> Vec<f64> {
        let every = points.len().div_ceil(LEARNING_POINTS).max(1);
        let points: Vec<Vec<f64>> = points.iter().step_by(every).cloned().collect();
        let values: Vec<f64> = values.iter().step_by(every).copied().collect();
        let misfit = |parameters: &[f64]| {
            GaussianProcess::condition(covariance, parameters, &points, &values)
                .map_or(f64::INFINITY, |process| process.misfit(&values))
        };
        let (mut best, mut least) = (start.to_vec(), misfit(start));
        let mut step = 1.0;
        for _ in 0..SEARCH_ROUNDS {
            for at in 0..best.len() {
                for direction in [step, -step] {
                    loop {
                        let mut tried = best.clone();
                        tried[at] = (tried[at] + direction).clamp(PARAMETER_RANGE.0, PARAMETER_RANGE.1);
                        let found = misfit(&tried);
                        if found >= least - 1e-6 {
                            break;
                        }
                        (best, least) = (tried, found);
                    }
                }
            }
            step *= 0.5;
        }
        best
    }

    /// The negative logarithm of the likelihood, without its constant.
    fn misfit(&self, values: &[f64]) -> f64 {
        0.5 * dot(&self.weights, values) + self.factor.half_log_determinant()
    }

    /// Returns the expected value at a point.
    pub(super) fn predict(&self, point: &[f64]) -> f64 {
        let shared = self.points.iter().map(|at| (self.covariance)(&self.scales, at, point));
        shared.zip(&self.weights).map(|(shared, weight)| shared * weight).sum()
    }

    /// Returns how far each value is from its prediction by all other values (equation 5.12).
    pub(super) fn left_out_errors(&self) -> Vec<f64> {
        let inverse_diagonal = |at: usize| {
            let mut unit = vec![0.0; self.weights.len()];
            unit[at] = 1.0;
            let solved = self.factor.solve_lower(&unit);
            dot(&solved, &solved)
        };
        self.weights.iter().enumerate().map(|(at, weight)| weight / inverse_diagonal(at)).collect()
    }
}

/// The lower triangular factor of a positive definite matrix, row by row.
pub(super) struct CholeskyFactor {
    rows: Vec<Vec<f64>>,
}

impl CholeskyFactor {
    /// Factors a matrix, of which only the lower half is read. `None` if it is not positive
    /// definite.
    pub(super) fn of(size: usize, at: impl Fn(usize, usize) -> f64) -> Option<CholeskyFactor> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
        for i in 0..size {
            let mut row: Vec<f64> = Vec::with_capacity(i + 1);
            for j in 0..i {
                row.push((at(i, j) - dot(&row[..j], &rows[j][..j])) / rows[j][j]);
            }
            let rest = at(i, i) - dot(&row, &row);
            if !rest.is_finite() || rest <= 1e-12 * at(i, i) {
                return None;
            }
            row.push(rest.sqrt());
            rows.push(row);
        }
        Some(CholeskyFactor { rows })
    }

    pub(super) fn solve_lower(&self, values: &[f64]) -> Vec<f64> {
        let mut solved: Vec<f64> = Vec::with_capacity(values.len());
        for (i, value) in values.iter().enumerate() {
            solved.push((value - dot(&self.rows[i][..i], &solved)) / self.rows[i][i]);
        }
        solved
    }

    pub(super) fn solve_upper(&self, mut values: Vec<f64>) -> Vec<f64> {
        for i in (0..values.len()).rev() {
            values[i] /= self.rows[i][i];
            let solved = values[i];
            for (value, factor) in values[..i].iter_mut().zip(&self.rows[i]) {
                *value -= factor * solved;
            }
        }
        values
    }

    fn half_log_determinant(&self) -> f64 {
        self.rows.iter().enumerate().map(|(i, row)| row[i].ln()).sum()
    }
}

/// The sum of products, in four parts that the processor adds at once. The order of additions is
/// fixed, so the result is the same on every run.
fn dot(left: &[f64], right: &[f64]) -> f64 {
    let length = left.len().min(right.len());
    let (left, right) = (&left[..length], &right[..length]);
    let mut sums = [0.0; 4];
    for (a, b) in left.chunks_exact(4).zip(right.chunks_exact(4)) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += x * y;
        }
    }
    let rest = length - length % 4;
    let tail: f64 = left[rest..].iter().zip(&right[rest..]).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bell(parameters: &[f64], a: &[f64], b: &[f64]) -> f64 {
        let distance = (a[0] - b[0]) / parameters[0];
        parameters[1] * (-0.5 * distance * distance).exp()
    }

    #[test]
    fn a_process_passes_through_exact_values_and_ends_at_0_far_from_them() {
        let points: Vec<Vec<f64>> = (0..9).map(|at| vec![f64::from(at)]).collect();
        let values: Vec<f64> = points.iter().map(|point| point[0].sin()).collect();
        let parameters = GaussianProcess::learn(bell, &[0.0, 0.0, -6.0], &points, &values);
        let process = GaussianProcess::condition(bell, &parameters, &points, &values).unwrap();
        let between = process.predict(&[3.5]);
        assert!((between - 3.5_f64.sin()).abs() < 0.02, "{between}");
        assert!(process.predict(&[200.0]).abs() < 1e-9);
    }

    #[test]
    fn left_out_errors_are_those_of_a_process_without_the_value() {
        let points: Vec<Vec<f64>> = [0.0, 1.0, 2.5, 3.0].map(|at| vec![at]).to_vec();
        let values = [0.3, -0.2, 1.0, 0.7];
        let parameters = [0.0, 0.0, -3.0];
        let process = GaussianProcess::condition(bell, &parameters, &points, &values).unwrap();
        for (at, error) in process.left_out_errors().into_iter().enumerate() {
            let without = |index: &usize| *index != at;
            let others: Vec<Vec<f64>> = (0..4).filter(without).map(|i| points[i].clone()).collect();
            let rest: Vec<f64> = (0..4).filter(without).map(|i| values[i]).collect();
            let alone = GaussianProcess::condition(bell, &parameters, &others, &rest).unwrap();
            assert!((values[at] - alone.predict(&points[at]) - error).abs() < 1e-9);
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        assert!(CholeskyFactor::of(2, |_, _| 1.0).is_none());
        assert!(CholeskyFactor::of(2, |i, j| if i == j { 1.0 } else { 0.5 }).is_some());
    }
}
