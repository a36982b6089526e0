//! The choice of a type and a count for a job without any run.

use std::collections::{BTreeMap, BTreeSet};

use analysis::runtimes::{KnownWorkload, first_tries};

use crate::jobs::Job;
use crate::{mean, print_figure};

const TRIES: usize = 3;
/// Types of a workload that is a choice.
const TYPES: usize = 3;

type Configuration = (String, u32);

/// Prints the cost of the choice, divided by that of the cheapest configuration.
pub(crate) fn measure(jobs: &[Job], prices: &BTreeMap<String, f64>) -> bool {
    let workloads: Vec<KnownWorkload> = jobs.iter().flat_map(|job| known_workloads(job, prices)).collect();
    println!("\n| cost of the choice / cheapest, mean of {} workloads | ratio | bar | |", workloads.len());
    println!("|---|---:|---:|---|");
    if workloads.is_empty() {
        println!("| skipped: no workload has prices of {TYPES} types | | | |");
        return false;
    }
    let candidates = |one: &KnownWorkload| one.costs.keys().cloned().collect::<Vec<Configuration>>();
    let others = |one: &KnownWorkload| -> Vec<KnownWorkload> {
        workloads.iter().filter(|other| other.job != one.job).cloned().collect()
    };
    let ours: Vec<Vec<f64>> = workloads
        .iter()
        .map(|one| relative(one, &first_tries(&others(one), &candidates(one), TRIES)))
        .collect();
    let chosen = |tried: &[Vec<f64>]| mean(&tried.iter().map(|one| least(one)).collect::<Vec<_>>());
    let fixed: Vec<Vec<f64>> =
        workloads.iter().map(|one| relative(one, &best_fixed(&others(one), &candidates(one)))).collect();
    let is_met = print_figure("three tries from other jobs' runs alone", chosen(&ours), 1.15, "");
    let ratio = |(one, tried): (&KnownWorkload, &Vec<f64>)| format!("{} {:.2}", one.job, least(tried));
    let names: Vec<String> = workloads.iter().zip(&ours).map(ratio).collect();
    println!("  {}", names.join(", "));
    println!("| best fixed three, chosen from other jobs' runs | {:.2} | | |", chosen(&fixed));
    for repeats in [1, 10, 100] {
        let total = |tried: &Vec<f64>| {
            let later = repeats.max(tried.len()) - tried.len();
            (tried.iter().sum::<f64>() + later as f64 * least(tried)) / repeats as f64
        };
        let totals = |tried: &[Vec<f64>]| mean(&tried.iter().map(total).collect::<Vec<_>>());
        let (own, other) = (totals(&ours), totals(&fixed));
        println!("| cost of the tries included, {repeats} runs | {own:.2} | | fixed three {other:.2} |");
    }
    let single: Vec<Configuration> = common(&workloads);
    let one = single.iter().map(|at| mean(&all_of(&workloads, std::slice::from_ref(at))));
    println!("| the best single configuration in hindsight | {:.2} | | |", one.fold(f64::INFINITY, f64::min));
    let cheapest = workloads.iter().map(|one| least(&relative(one, &[cheapest_cluster(one, prices)])));
    println!("| cheapest cluster | {:.2} | | |", mean(&cheapest.collect::<Vec<_>>()));
    let random = workloads.iter().map(mean_of_random);
    println!("| best of three random | {:.2} | | |", mean(&random.collect::<Vec<_>>()));
    let hindsight = triples(&single).into_iter().map(|three| mean(&all_of(&workloads, &three)));
    println!("| best fixed three in hindsight | {:.2} | | |", hindsight.fold(f64::INFINITY, f64::min));
    is_met && chosen(&ours) <= chosen(&fixed)
}

fn known_workloads(job: &Job, prices: &BTreeMap<String, f64>) -> Vec<KnownWorkload> {
    let mut by_input: BTreeMap<usize, KnownWorkload> = BTreeMap::new();
    for ((place, name), counts) in job.cells() {
        let Some(price) = prices.get(name) else { continue };
        let workload = by_input
            .entry(place)
            .or_insert_with(|| KnownWorkload { job: job.name.clone(), costs: BTreeMap::new() });
        for (count, seconds) in counts {
            workload.costs.insert((name.to_string(), count), price * f64::from(count) * seconds / 3600.0);
        }
    }
    let types = |one: &KnownWorkload| one.costs.keys().map(|(name, _)| name).collect::<BTreeSet<_>>().len();
    by_input.into_values().filter(|one| types(one) >= TYPES).collect()
}

/// The costs of tries, divided by the cheapest. A configuration that was not measured has none.
fn relative(workload: &KnownWorkload, tried: &[Configuration]) -> Vec<f64> {
    let cheapest = workload.costs.values().copied().fold(f64::INFINITY, f64::min);
    tried.iter().filter_map(|at| Some(workload.costs.get(at)? / cheapest)).collect()
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn all_of(workloads: &[KnownWorkload], tried: &[Configuration]) -> Vec<f64> {
    workloads.iter().map(|one| least(&relative(one, tried))).collect()
}

/// Configurations that every workload has.
fn common(workloads: &[KnownWorkload]) -> Vec<Configuration> {
    let first = workloads.first().map(|one| one.costs.keys()).into_iter().flatten();
    first.filter(|at| workloads.iter().all(|one| one.costs.contains_key(at))).cloned().collect()
}

fn triples(candidates: &[Configuration]) -> Vec<Vec<Configuration>> {
    let mut found = Vec::new();
    for i in 0..candidates.len() {
        for j in i + 1..candidates.len() {
            for k in j + 1..candidates.len() {
                found.push([i, j, k].map(|at| candidates[at].clone()).to_vec());
            }
        }
    }
    found
}

/// The three of all triples that are the best for the other jobs, which count equally.
fn best_fixed(others: &[KnownWorkload], candidates: &[Configuration]) -> Vec<Configuration> {
    let score = |three: &Vec<Configuration>| {
        let mut by_job: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for one in others {
            let found = least(&relative(one, three));
            by_job.entry(&one.job).or_default().push(if found.is_finite() { found } else { 10.0 });
        }
        mean(&by_job.values().map(|of| mean(of)).collect::<Vec<_>>())
    };
    let scored = triples(candidates).into_iter().map(|three| (score(&three), three));
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, three)| three).unwrap_or_default()
}

fn cheapest_cluster(workload: &KnownWorkload, prices: &BTreeMap<String, f64>) -> Configuration {
    let rate = |at: &&Configuration| prices[&at.0] * f64::from(at.1);
    workload.costs.keys().min_by(|a, b| rate(a).total_cmp(&rate(b))).expect("a workload has runs").clone()
}

fn mean_of_random(workload: &KnownWorkload) -> f64 {
    let all: Vec<Configuration> = workload.costs.keys().cloned().collect();
    mean(&triples(&all).iter().map(|three| least(&relative(workload, three))).collect::<Vec<_>>())
}
