//! Runtimes of a job on other instance types, counts and inputs, from measured runs.

mod curve;
mod features;
mod gaussian_process;
mod input_model;
mod least_squares;
mod prediction;
#[cfg(test)]
mod tests;
mod tries;

use std::collections::BTreeMap;

use crate::numbers::median;

pub use curve::CountCurve;
pub use input_model::InputModel;
pub use prediction::{
    MANY_RUNS, NextTry, RunConfiguration, RuntimeEstimate, RuntimeMethod, RuntimeQuery, RuntimeRow,
    SpreadFactors, predict_runtimes,
};
pub use tries::{KnownWorkload, first_tries};

/// A measured run.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRun {
    /// The job.
    pub job: String,
    /// The configuration, the inputs and the runtime of this run alone.
    pub point: RunPoint,
}

/// A configuration and the inputs of a job, with the runtime.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPoint {
    /// Instance type.
    pub instance_type: String,
    /// Count of instances.
    pub count: u32,
    /// Numeric inputs. All runs have the same ones in the same order.
    pub inputs: Vec<f64>,
    /// Runtime, seconds.
    pub seconds: f64,
}

/// Returns one point for each configuration and inputs of a job: the median of its repeats, in
/// logarithms. The order of the runs has no effect.
#[must_use]
pub fn median_points(runs: &[MeasuredRun], job: &str) -> Vec<RunPoint> {
    repeats(runs, job).into_iter().map(|(point, _)| point).collect()
}

/// Returns the median points of a job, each with the logarithms of its repeats.
fn repeats(runs: &[MeasuredRun], job: &str) -> Vec<(RunPoint, Vec<f64>)> {
    // Positive numbers have the order of their bits, and -0.0 is another number than 0.0 only here.
    let bits = |inputs: &[f64]| inputs.iter().map(|input| (input + 0.0).to_bits()).collect::<Vec<u64>>();
    let mut found: BTreeMap<_, (&RunPoint, Vec<f64>)> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.job == job) {
        let point = &run.point;
        let key = (point.instance_type.as_str(), point.count, bits(&point.inputs));
        found.entry(key).or_insert_with(|| (point, Vec::new())).1.push(point.seconds.ln());
    }
    found
        .into_values()
        .map(|(point, logs)| {
            let seconds = match logs.len() {
                // Exactly as it was measured.
                1 => point.seconds,
                _ => median(&mut logs.clone()).exp(),
            };
            (RunPoint { seconds, ..point.clone() }, logs)
        })
        .collect()
}
