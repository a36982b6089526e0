//! Predicted runtimes and the choice of a type and a count, on the public runs of five jobs, which
//! are not part of the repository.

use std::fs;

use super::{BenchRun, bench_analysis, build};
use crate::{TaskError, root};

/// The folder of the runs.
const RUNS: &str = "../shared/data/workload-runtimes";

/// Measures at the on-demand prices of the seed. Arguments: `--seed N`.
pub(super) fn run(arguments: &[&str]) -> Result<(), TaskError> {
    if !matches!(arguments, [] | ["--seed", _]) {
        return Err("expected: cargo xtask bench recommend [--seed N]".into());
    }
    let data = root().join(RUNS);
    if !data.is_dir() {
        println!("runtimes: skipped, there is no {}", data.display());
        return Ok(());
    }
    build()?;
    let bench = BenchRun::new()?;
    let prices = bench.home.join("prices.csv");
    let question = ["query", "price/current", "--param", "regions=us-east-1", "--limit", "0"];
    let columns = ["--columns", "instance_type,price_per_hour", "-o", "csv", "-q"];
    let answer = bench.truffle(&[&question[..], &columns].concat()).output().map_err(|e| e.to_string())?;
    if !answer.status.success() {
        return Err(format!("truffle query price/current: {}", answer.status));
    }
    fs::write(&prices, answer.stdout).map_err(|e| e.to_string())?;
    let (data, prices) = (data.to_string_lossy(), prices.to_string_lossy());
    bench_analysis("recommend", &[&["--data", &data, "--prices", &prices], arguments].concat())
}
