//! Measures commitments on generated years of hourly usage: `cargo xtask bench commitment`.
//!
//! Prints the exactness of the best commitment on random demands. Then it prints the share of
//! commitments that were worse than no commitment, as the past of each year predicted it, beside
//! the share that was observed in the rest of the year.
//!
//! Argument: `--seed N`, by default 1.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement prints and reads arguments"
)]

#[allow(dead_code, reason = "shared with the measurement of forecasts")]
#[path = "../models/random.rs"]
mod random;

mod exactness;

use std::process::ExitCode;

use analysis::{CommitmentDemand, PlanUsage};

use crate::random::RandomStream;

const YEARS: u64 = 80;
const DAYS: usize = 365;
/// Days of the window on which a commitment is chosen.
const WINDOW: usize = 60;
/// The days at which a commitment is chosen; it runs until the end of the year.
const CHOSEN_AT: [usize; 5] = [150, 180, 210, 240, 270];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let seed = match words.as_slice() {
        [] => Some(1),
        [flag, seed] if flag == "--seed" => seed.parse().ok(),
        _ => None,
    };
    let Some(seed) = seed else {
        eprintln!("error: expected --seed N");
        return ExitCode::from(2);
    };
    exactness::print(seed);
    let years: Vec<GeneratedYear> = (0..YEARS).map(|at| GeneratedYear::new(seed, at)).collect();
    println!("{YEARS} generated years, window {WINDOW} days, seed {seed}");
    println!("usage    choices  predicted worse  observed worse  predicted ratio  observed ratio");
    for kind in [None, Some(false), Some(true)] {
        let of_kind = years.iter().filter(|year| kind.is_none_or(|ends| year.ends == ends));
        let scores: Vec<ChoiceScore> = of_kind.flat_map(GeneratedYear::scores).collect();
        let mean =
            |part: fn(&ChoiceScore) -> f64| scores.iter().map(part).sum::<f64>() / scores.len().max(1) as f64;
        let name = match kind {
            None => "all",
            Some(false) => "lasting",
            Some(true) => "ending",
        };
        println!(
            "{name:<7}  {:>7}  {:>15.3}  {:>14.3}  {:>15.3}  {:>14.3}",
            scores.len(),
            mean(|one| one.predicted_worse),
            mean(|one| one.observed_worse),
            mean(|one| one.predicted_ratio),
            mean(|one| one.observed_ratio),
        );
    }
    ExitCode::SUCCESS
}

/// A choice, as the past predicted it and as it turned out.
struct ChoiceScore {
    predicted_worse: f64,
    observed_worse: f64,
    predicted_ratio: f64,
    observed_ratio: f64,
}

/// Hourly usage of one year.
struct GeneratedYear {
    usage: Vec<PlanUsage>,
    /// Whether a large part of the usage ends for good.
    ends: bool,
}

impl GeneratedYear {
    /// Two or three groups of instances, each with its discount, a daily and a weekly rhythm, noise
    /// and steps about twice a year. In a quarter of the years most usage ends.
    fn new(seed: u64, at: u64) -> GeneratedYear {
        let mut random = RandomStream::new(seed, at);
        let ends = random.chance(0.25);
        let end_at = random.whole(60, 330) * 24;
        let mut usage = Vec::new();
        for _ in 0..random.whole(2, 3) {
            let discount = random.between(0.17, 0.45);
            let size = random.between(5.0, 60.0);
            let rhythm = random.between(0.0, 0.7);
            let weekend = random.between(0.3, 1.0);
            let (mut level, mut noise): (f64, f64) = (1.0, 0.0);
            for hour in 0..DAYS * 24 {
                if random.chance(2.0 / (DAYS as f64 * 24.0)) {
                    level *= (0.4 * random.normal()).exp();
                }
                if ends && hour == end_at {
                    level *= 0.1;
                }
                noise = 0.95 * noise + 0.03 * random.normal();
                let of_day = 1.0 + rhythm * (std::f64::consts::TAU * (hour % 24) as f64 / 24.0).sin();
                let of_week = if hour / 24 % 7 >= 5 { weekend } else { 1.0 };
                // Whole instances of 0.1 an hour.
                let count = (size * level * of_day * of_week * (1.0 + noise)).round().max(0.0);
                let on_demand_cost = 0.1 * count;
                usage.push(PlanUsage { hour, on_demand_cost, plan_cost: on_demand_cost * (1.0 - discount) });
            }
        }
        GeneratedYear { usage, ends }
    }

    fn scores(&self) -> Vec<ChoiceScore> {
        let whole = CommitmentDemand::new(DAYS * 24, self.usage.clone());
        let score = |at: &usize| {
            let past =
                CommitmentDemand::new(at * 24, self.usage.clone()).past_choices(WINDOW * 24, DAYS * 24)?;
            let held = at * 24..whole.hours();
            let effect = whole.effect(held.clone(), whole.best((at - WINDOW) * 24..at * 24));
            let hindsight = whole.effect(held.clone(), whole.best(held));
            Some(ChoiceScore {
                predicted_worse: past.worse_than_nothing,
                observed_worse: if effect.saving() < 0.0 { 1.0 } else { 0.0 },
                predicted_ratio: past.cost_over_hindsight,
                observed_ratio: effect.cost / hindsight.cost,
            })
        };
        CHOSEN_AT.iter().filter_map(score).collect()
    }
}
