//! Random needs for `truffle recommend`: the time of each whole process on the seed data.

use std::time::Instant;

use super::{BenchRun, build};
use crate::TaskError;

/// Number of needs.
const NEEDS: usize = 1_000;

/// Longest time of a process, milliseconds.
const BAR: f64 = 50.0;

/// The parts of a need. A random need has one of each list; most lists have empty parts.
const PARTS: &[&[&str]] = &[
    &["4+ vcpus", "8 vcpus", "16+ vcpus", "2..8 vcpus", "gpu", "efa", "m7i.*", "graviton", "intel 4+ vcpus"],
    &["16gb+", "32gb+", "64gb+", "", ""],
    &["--burstable=false", "--bare-metal=false", "--current-generation", "--generation=6..", ""],
    &["--max-price=0.5", "--max-price=3", "--clock=3..", "--network-bandwidth=10..", "", ""],
    &["--region=us-east-1", "--region=eu-west-1", "--region=us-east-1,us-west-2,eu-central-1"],
    &["--market=any", "--commit=3", "--market=any --max-band=2", "", ""],
    &["--for=200h", "--for=5000h --count=8", "", ""],
    &["--all", "--limit=0", "-o json", ""],
];

/// Measures with `--seed N`, by default 1.
pub(super) fn run(words: &[&str]) -> Result<(), TaskError> {
    let expected = "expected: cargo xtask bench recommend [--seed N]";
    let seed = match words {
        [] => 1,
        ["--seed", number] => number.parse().map_err(|_| expected)?,
        _ => return Err(expected.into()),
    };
    build()?;
    BenchRun::new()?.needs(seed)
}

impl BenchRun {
    /// Answers random needs, each in a process of its own, and prints the distribution of their
    /// times.
    fn needs(&self, seed: u64) -> Result<(), TaskError> {
        let mut draw = NeedDraw(seed);
        // The first answer unpacks the seed and publishes the warehouse.
        self.time_need(&draw.words())?;
        let mut slowest = (0.0, String::new());
        let mut times = Vec::new();
        for _ in 0..NEEDS {
            let words = draw.words();
            let took = self.time_need(&words)?;
            if took > slowest.0 {
                slowest = (took, words.join(" "));
            }
            times.push(took);
        }
        times.sort_by(f64::total_cmp);
        let share = |percent: usize| times[times.len() * percent / 100];
        let late = times.iter().filter(|took| **took > BAR).count();
        println!("truffle recommend, {NEEDS} random needs of seed {seed} (whole process), ms");
        println!("{:>10} {:>10} {:>10} {:>10} {:>14}", "median", "p95", "p99", "longest", "above 50 ms");
        println!(
            "{:>10.1} {:>10.1} {:>10.1} {:>10.1} {late:>14}",
            share(50),
            share(95),
            share(99),
            slowest.0
        );
        println!("the longest: truffle {}", slowest.1);
        Ok(())
    }

    /// Returns the milliseconds of an answer. An answer without any pick counts too.
    fn time_need(&self, words: &[String]) -> Result<f64, TaskError> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.truffle(&words);
        let started = Instant::now();
        let output = command.output().map_err(|e| format!("cannot start truffle: {e}"))?;
        let took = started.elapsed().as_secs_f64() * 1000.0;
        match output.status.code() {
            Some(0 | 3) => Ok(took),
            _ => Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr))),
        }
    }
}

/// Draws needs from a seed (splitmix64).
struct NeedDraw(u64);

impl NeedDraw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn words(&mut self) -> Vec<String> {
        let mut words = vec!["recommend".to_string()];
        for list in PARTS {
            let part = list[(self.next() % list.len() as u64) as usize];
            words.extend(part.split_whitespace().map(String::from));
        }
        words
    }
}
