//! Measures runtimes that runs of five Spark jobs predict: `cargo xtask bench recommend`.
//!
//! Arguments: `--data FOLDER --prices FILE [--seed N]`. The folder has one file of tab-separated
//! values for each job; the file has lines of an instance type, a comma and a price per hour.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement prints, and reads arguments and files"
)]

mod baselines;
mod choices;
mod counts;
mod inputs;
mod jobs;
#[allow(dead_code, reason = "shared with the measurement of forecasts")]
#[path = "../models/random.rs"]
mod random;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::jobs::{read_jobs, read_prices};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mut data, mut prices, mut seed) = (None, None, Some(1));
    for pair in words.chunks(2) {
        match pair {
            [flag, folder] if flag == "--data" => data = Some(PathBuf::from(folder)),
            [flag, file] if flag == "--prices" => prices = Some(PathBuf::from(file)),
            [flag, number] if flag == "--seed" => seed = number.parse().ok(),
            _ => seed = None,
        }
    }
    let (Some(data), Some(prices), Some(seed)) = (data, prices, seed) else {
        eprintln!("error: expected --data FOLDER --prices FILE [--seed N]");
        return ExitCode::from(2);
    };
    let jobs = read_jobs(&data);
    if jobs.is_empty() {
        eprintln!("error: no runs in {}", data.display());
        return ExitCode::FAILURE;
    }
    println!("Medians of repeats, mean of {} jobs, seed {seed}.", jobs.len());
    let met = [
        inputs::measure(&jobs, seed),
        counts::measure(&jobs),
        inputs::measure_intervals(&jobs, seed),
        choices::measure(&jobs, &read_prices(&prices)),
    ];
    if met.into_iter().all(|is_met| is_met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a figure beside its bar, and returns whether it is met.
fn print_figure(name: &str, figure: f64, bar: f64, beside: &str) -> bool {
    let is_met = figure <= bar;
    let mark = if is_met { "" } else { "  NOT MET" };
    println!("| {name} | {figure:.2} | {bar} | {beside} |{mark}");
    is_met
}

/// The mean over jobs of the mean over their values.
fn mean_of_jobs(by_job: &[Vec<f64>]) -> f64 {
    let known: Vec<f64> = by_job.iter().filter(|one| !one.is_empty()).map(|one| mean(one)).collect();
    mean(&known)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
