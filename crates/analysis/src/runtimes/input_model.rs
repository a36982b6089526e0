//! The runtime of one job by its inputs, instance type and count, from many runs.

use std::collections::BTreeSet;

use linfa::Dataset;
use linfa::traits::{Fit, Predict};
use linfa_svm::Svm;
use ndarray::{Array1, Array2};
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

use super::features::RunFeatures;
use super::gaussian_process::GaussianProcess;
use super::{RunPoint, least_squares};
use crate::numbers::{mean, median};

/// A run is set aside if its runtime is this many times the one that all others predict, or this
/// part of it. Real jolts, such as data that no longer fits into memory, reach five.
const ABSURD_FACTOR: f64 = 8.0;
/// The distance in logarithms must also be this many times the median one.
const ABSURD_DISTANCES: f64 = 8.0;
/// At most this share of the runs is set aside.
const ABSURD_SHARE: f64 = 0.1;
/// Groups in which runs are left out, for the error.
const LEFT_OUT_GROUPS: usize = 10;
/// Penalty on the weights of least squares, which keeps them finite if two inputs always agree.
const LINE_PENALTY: f64 = 1e-3;

type Trees = XGRegressor<f64, f64, DenseMatrix<f64>, Vec<f64>>;

/// Three models of the logarithm of the runtime: support vectors, a Gaussian process, and least
/// squares with boosted trees on the rest. The prediction is their median.
pub struct InputModel {
    features: RunFeatures,
    /// The places of the runs that contradict all others, and which no model has seen.
    pub set_aside: Vec<usize>,
    /// Logarithms of the parameters of the process, from all runs.
    learnt: Vec<f64>,
    models: FittedModels,
}

/// The models, fitted to some of the runs.
struct FittedModels {
    types: BTreeSet<String>,
    level: f64,
    line: Vec<f64>,
    trees: Trees,
    vectors: Svm<f64, f64>,
    process: GaussianProcess,
}

/// Runs as numbers.
#[derive(Clone, Default)]
struct RunRows {
    types: Vec<String>,
    rows: Vec<Vec<f64>>,
    logs: Vec<f64>,
}

impl InputModel {
    /// Fits the models to the runs of one job. `None` if the runs do not determine them.
    #[must_use]
    pub fn fit(points: &[RunPoint]) -> Option<InputModel> {
        let features = RunFeatures::of(points);
        let all = RunRows::of(points, &features)?;
        let mut set_aside: Vec<usize> = Vec::new();
        loop {
            let kept: Vec<usize> = (0..points.len()).filter(|at| !set_aside.contains(at)).collect();
            let runs = all.only(&kept);
            let line = runs.line()?;
            let rest = runs.rest(&line);
            let mut start = vec![0.7; runs.rows[0].len()];
            start.extend([-2.0, -6.0]);
            let learnt = GaussianProcess::learn(covariance, &start, &runs.rows, &rest);
            let process = GaussianProcess::condition(covariance, &learnt, &runs.rows, &rest)?;
            match absurd_run(&process.left_out_errors()) {
                Some(at) if (set_aside.len() as f64) < ABSURD_SHARE * points.len() as f64 => {
                    set_aside.push(kept[at]);
                }
                _ => {
                    let models = FittedModels::fit(&runs, &learnt)?;
                    return Some(InputModel { features, set_aside, learnt, models });
                }
            }
        }
    }

    /// Returns the runtime of a configuration with its inputs, in seconds. `None` for an instance
    /// type without runs.
    #[must_use]
    pub fn seconds(&self, point: &RunPoint) -> Option<f64> {
        let row = self.features.row(point)?;
        self.models.predict(&point.instance_type, &row).map(f64::exp)
    }

    /// Returns how far the logarithm of each runtime is from its prediction without it. Runs are
    /// left out in groups: all runs of an input together, or one by one. A run that was set
    /// aside has none, nor has one of a type that is in no other group.
    #[must_use]
    pub fn left_out_errors(&self, points: &[RunPoint], by_input: bool) -> Vec<Option<f64>> {
        let mut errors = vec![None; points.len()];
        let Some(all) = RunRows::of(points, &self.features) else { return errors };
        let groups = left_out_groups(points, by_input);
        for group in 0..LEFT_OUT_GROUPS {
            let is_kept = |at: &usize| groups[*at] != group && !self.set_aside.contains(at);
            let kept: Vec<usize> = (0..points.len()).filter(is_kept).collect();
            let left_out = || (0..points.len()).filter(|at| groups[*at] == group);
            if left_out().next().is_none() {
                continue;
            }
            let Some(models) = FittedModels::fit(&all.only(&kept), &self.learnt) else { continue };
            for at in left_out().filter(|at| !self.set_aside.contains(at)) {
                let predicted = models.predict(&points[at].instance_type, &all.rows[at]);
                errors[at] = predicted.map(|log| all.logs[at] - log);
            }
        }
        errors
    }
}

/// Returns the group of each run. Inputs and runs of neighbouring places are in different groups.
fn left_out_groups(points: &[RunPoint], by_input: bool) -> Vec<usize> {
    let mut inputs: Vec<&[f64]> = points.iter().map(|point| point.inputs.as_slice()).collect();
    inputs.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    inputs.dedup();
    let place = |(at, point): (usize, &RunPoint)| match by_input {
        true => inputs.iter().position(|input| *input == point.inputs).unwrap_or(at),
        false => at,
    };
    points.iter().enumerate().map(|run| place(run) % LEFT_OUT_GROUPS).collect()
}

/// Covariance with a length for each column, then the variance.
fn covariance(scales: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let steps = a.iter().zip(b).zip(scales).map(|((x, y), length)| (x - y) / length);
    scales[a.len()] * (-0.5 * steps.map(|step| step * step).sum::<f64>()).exp()
}

/// Returns the place of the error that contradicts all others the most.
fn absurd_run(errors: &[f64]) -> Option<usize> {
    let mut distances: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    let limit = ABSURD_FACTOR.ln().max(ABSURD_DISTANCES * median(&mut distances));
    let worst = (0..errors.len()).max_by(|a, b| errors[*a].abs().total_cmp(&errors[*b].abs()))?;
    (errors[worst].abs() > limit).then_some(worst)
}

impl RunRows {
    fn of(points: &[RunPoint], features: &RunFeatures) -> Option<RunRows> {
        let rows: Vec<Vec<f64>> = points.iter().map(|point| features.row(point)).collect::<Option<_>>()?;
        Some(RunRows {
            types: points.iter().map(|point| point.instance_type.clone()).collect(),
            rows,
            logs: points.iter().map(|point| point.seconds.ln()).collect(),
        })
    }

    fn only(&self, places: &[usize]) -> RunRows {
        RunRows {
            types: places.iter().map(|at| self.types[*at].clone()).collect(),
            rows: places.iter().map(|at| self.rows[*at].clone()).collect(),
            logs: places.iter().map(|at| self.logs[*at]).collect(),
        }
    }

    /// Least squares: the constant, then the weight of each column.
    fn line(&self) -> Option<Vec<f64>> {
        let with_constant = |row: &Vec<f64>| [&[1.0], row.as_slice()].concat();
        let rows: Vec<Vec<f64>> = self.rows.iter().map(with_constant).collect();
        least_squares::solve(&rows, &self.logs, LINE_PENALTY)
    }

    /// The part of the logarithms that the line does not explain.
    fn rest(&self, line: &[f64]) -> Vec<f64> {
        self.rows.iter().zip(&self.logs).map(|(row, log)| log - on_line(line, row)).collect()
    }
}

fn on_line(line: &[f64], row: &[f64]) -> f64 {
    line[0] + line[1..].iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>()
}

impl FittedModels {
    fn fit(runs: &RunRows, learnt: &[f64]) -> Option<FittedModels> {
        let line = runs.line()?;
        let rest = runs.rest(&line);
        let process = GaussianProcess::condition(covariance, learnt, &runs.rows, &rest)?;
        let level = mean(&runs.logs);
        let trees = fit_trees(&runs.rows, &rest)?;
        let vectors = fit_vectors(runs, level)?;
        Some(FittedModels {
            types: runs.types.iter().cloned().collect(),
            level,
            line,
            trees,
            vectors,
            process,
        })
    }

    /// Returns the logarithm of the runtime; `None` for a type without runs.
    fn predict(&self, instance_type: &str, row: &[f64]) -> Option<f64> {
        if !self.types.contains(instance_type) {
            return None;
        }
        let line = on_line(&self.line, row);
        let matrix = DenseMatrix::from_2d_vec(&vec![row.to_vec()]).ok()?;
        let trees = line + self.trees.predict(&matrix).ok()?.first()?;
        let vectors = self.level + self.vectors.predict(Array1::from_vec(row.to_vec()));
        Some(median(&mut [vectors, line + self.process.predict(row), trees]))
    }
}

/// Boosted trees without any random part.
fn fit_trees(rows: &[Vec<f64>], rest: &[f64]) -> Option<Trees> {
    let parameters = XGRegressorParameters::default()
        .with_n_estimators(200)
        .with_max_depth(4)
        .with_learning_rate(0.1)
        .with_lambda(0.1)
        .with_base_score(0.0);
    XGRegressor::fit(&DenseMatrix::from_2d_vec(&rows.to_vec()).ok()?, &rest.to_vec(), parameters).ok()
}

fn fit_vectors(runs: &RunRows, level: f64) -> Option<Svm<f64, f64>> {
    let width = runs.rows.first()?.len();
    let records = Array2::from_shape_vec((runs.rows.len(), width), runs.rows.concat()).ok()?;
    let targets: Array1<f64> = runs.logs.iter().map(|log| log - level).collect();
    let parameters = Svm::<f64, f64>::params().c_svr(30.0, Some(0.01)).gaussian_kernel(8.0);
    parameters.fit(&Dataset::new(records, targets)).ok()
}
