//! Baselines on the same runs.

use analysis::runtimes::RunPoint;
use linfa::Dataset;
use linfa::traits::{Fit, Predict};
use linfa_svm::Svm;
use ndarray::{Array1, Array2};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

/// Runs as columns of mean 0 and deviation 1: logarithms, and a mark for each type.
pub(crate) struct BaselineRows {
    train: Vec<Vec<f64>>,
    logs: Vec<f64>,
    test: Vec<Vec<f64>>,
}

impl BaselineRows {
    pub(crate) fn of(train: &[RunPoint], test: &[RunPoint]) -> BaselineRows {
        let mut types: Vec<&str> = train.iter().map(|point| point.instance_type.as_str()).collect();
        types.sort_unstable();
        types.dedup();
        let row = |point: &RunPoint| {
            let numbers = std::iter::once(f64::from(point.count)).chain(point.inputs.iter().copied());
            // Zeros and shares are kept as they are.
            let logs = numbers.map(|number| if number > 1.0 { number.ln() } else { number });
            let marks = types[1..].iter().map(|name| f64::from(u8::from(*name == point.instance_type)));
            logs.chain(marks).collect::<Vec<f64>>()
        };
        let (mut rows, mut other): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
            (train.iter().map(row).collect(), test.iter().map(row).collect());
        for at in 0..rows[0].len() {
            let values: Vec<f64> = rows.iter().map(|row| row[at]).collect();
            let centre = crate::mean(&values);
            let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
            let scale = crate::mean(&squares).sqrt().max(1e-9);
            rows.iter_mut().chain(&mut other).for_each(|row| row[at] = (row[at] - centre) / scale);
        }
        BaselineRows {
            train: rows,
            logs: train.iter().map(|point| point.seconds.ln()).collect(),
            test: other,
        }
    }

    /// Least squares of logarithms, by Gauss and Jordan.
    pub(crate) fn least_squares(&self) -> Vec<f64> {
        let with_constant = |row: &Vec<f64>| [&[1.0], row.as_slice()].concat();
        let rows: Vec<Vec<f64>> = self.train.iter().map(with_constant).collect();
        let size = rows[0].len();
        let mut sums = vec![vec![0.0; size + 1]; size];
        for (row, log) in rows.iter().zip(&self.logs) {
            for i in 0..size {
                (0..size).for_each(|j| sums[i][j] += row[i] * row[j]);
                sums[i][size] += row[i] * log;
            }
        }
        (0..size).for_each(|i| sums[i][i] += 1e-6);
        for i in 0..size {
            let pivot = sums[i].clone();
            for (_, row) in sums.iter_mut().enumerate().filter(|(other, _)| *other != i) {
                let factor = row[i] / pivot[i];
                row.iter_mut().zip(&pivot).for_each(|(value, part)| *value -= factor * part);
            }
        }
        let weights: Vec<f64> = (0..size).map(|i| sums[i][size] / sums[i][i]).collect();
        let predict = |row: &Vec<f64>| {
            let sum: f64 =
                with_constant(row).iter().zip(&weights).map(|(value, weight)| value * weight).sum();
            sum.exp()
        };
        self.test.iter().map(predict).collect()
    }

    /// Support vectors alone.
    pub(crate) fn support_vectors(&self) -> Vec<f64> {
        let level = crate::mean(&self.logs);
        let shape = (self.train.len(), self.train[0].len());
        let records = Array2::from_shape_vec(shape, self.train.concat()).unwrap();
        let targets: Array1<f64> = self.logs.iter().map(|log| log - level).collect();
        let parameters = Svm::<f64, f64>::params().c_svr(10.0, Some(0.02)).gaussian_kernel(4.0);
        let model = parameters.fit(&Dataset::new(records, targets)).unwrap();
        self.test.iter().map(|row| (level + model.predict(Array1::from_vec(row.clone()))).exp()).collect()
    }

    /// Boosted trees alone.
    pub(crate) fn boosted_trees(&self) -> Vec<f64> {
        let level = crate::mean(&self.logs);
        let targets: Vec<f64> = self.logs.iter().map(|log| log - level).collect();
        let parameters = XGRegressorParameters::default()
            .with_n_estimators(200)
            .with_max_depth(4)
            .with_learning_rate(0.1)
            .with_base_score(0.0);
        let train = DenseMatrix::from_2d_vec(&self.train).unwrap();
        let model = XGRegressor::fit(&train, &targets, parameters).unwrap();
        let found = model.predict(&DenseMatrix::from_2d_vec(&self.test).unwrap()).unwrap();
        found.into_iter().map(|log| (level + log).exp()).collect()
    }
}

/// A line through the logarithms of count and runtime.
pub(crate) fn power_law(runs: &[(u32, f64)], count: u32) -> f64 {
    let logs: Vec<(f64, f64)> = runs.iter().map(|(n, t)| (f64::from(*n).ln(), t.ln())).collect();
    let (x, y) = (
        crate::mean(&logs.iter().map(|one| one.0).collect::<Vec<_>>()),
        crate::mean(&logs.iter().map(|one| one.1).collect::<Vec<_>>()),
    );
    let slope = logs.iter().map(|one| (one.0 - x) * (one.1 - y)).sum::<f64>()
        / logs.iter().map(|one| (one.0 - x).powi(2)).sum::<f64>();
    (y + slope * (f64::from(count).ln() - x)).exp()
}
