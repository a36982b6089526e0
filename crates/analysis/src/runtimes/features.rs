//! Numbers that describe a run.

use std::collections::BTreeSet;

use super::RunPoint;
use crate::numbers::mean;

/// The columns of a run as numbers of mean 0 and deviation 1: the count, each input that varies,
/// and for each instance type whether it is that one.
pub(super) struct RunFeatures {
    types: Vec<String>,
    columns: Vec<InputColumn>,
    scales: Vec<(f64, f64)>,
}

/// An input that varies.
struct InputColumn {
    at: usize,
    /// Whether its logarithm is taken: every seen value is positive.
    is_positive: bool,
}

impl RunFeatures {
    pub(super) fn of(points: &[RunPoint]) -> RunFeatures {
        let types: BTreeSet<&str> = points.iter().map(|point| point.instance_type.as_str()).collect();
        let types: Vec<String> = types.into_iter().map(String::from).collect();
        let width = points.first().map_or(0, |point| point.inputs.len());
        let varies = |at: &usize| points.iter().any(|point| point.inputs[*at] != points[0].inputs[*at]);
        let is_positive = |at: usize| points.iter().all(|point| point.inputs[at] > 0.0);
        let columns: Vec<InputColumn> =
            (0..width).filter(varies).map(|at| InputColumn { at, is_positive: is_positive(at) }).collect();
        let mut features = RunFeatures { types, columns, scales: Vec::new() };
        let rows: Vec<Vec<f64>> = points.iter().filter_map(|point| features.numbers(point)).collect();
        let size = rows.first().map_or(0, Vec::len);
        features.scales = (0..size)
            .map(|at| {
                let values: Vec<f64> = rows.iter().map(|row| row[at]).collect();
                let centre = mean(&values);
                let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
                (centre, mean(&squares).sqrt().max(1e-9))
            })
            .collect();
        features
    }

    /// Returns the scaled numbers of a run; `None` for an instance type without runs.
    pub(super) fn row(&self, point: &RunPoint) -> Option<Vec<f64>> {
        let numbers = self.numbers(point)?;
        Some(
            numbers
                .iter()
                .zip(&self.scales)
                .map(|(number, (centre, scale))| (number - centre) / scale)
                .collect(),
        )
    }

    fn numbers(&self, point: &RunPoint) -> Option<Vec<f64>> {
        let place = self.types.iter().position(|name| *name == point.instance_type)?;
        let mut numbers = vec![f64::from(point.count).ln()];
        for column in &self.columns {
            let value = point.inputs[column.at];
            numbers.push(if column.is_positive { value.max(f64::MIN_POSITIVE).ln() } else { value });
        }
        // The first type is the one without a mark.
        numbers.extend((1..self.types.len()).map(|at| if at == place { 1.0 } else { 0.0 }));
        Some(numbers)
    }
}
