//! One job on other counts, and on another type after one run there.

use std::collections::BTreeMap;

use analysis::runtimes::{
    MeasuredRun, RunConfiguration, RunPoint, RuntimeMethod, RuntimeQuery, predict_runtimes,
};

use crate::baselines::power_law;
use crate::jobs::Job;
use crate::{mean_of_jobs, print_figure};

/// Counts that are tried, and those that are predicted.
const SPLITS: [(&str, [u32; 3], [u32; 3], f64); 2] = [
    ("counts 2, 6, 12 tried", [2, 6, 12], [4, 8, 10], 6.5),
    ("counts 2, 4, 6 tried", [2, 4, 6], [8, 10, 12], 11.0),
];
/// Counts of a type with a curve for another type.
const DONOR_COUNTS: usize = 5;

/// A prediction of the product: the logarithm of truth over prediction, and the job's own mean
/// left-out error.
struct CurveError {
    log: f64,
    own: f64,
}

/// Prints the errors of curves and ratios, and their intervals calibrated on other jobs alone.
pub(crate) fn measure(jobs: &[Job]) -> bool {
    println!("\n| runtime error, % | ours | bar | power law |");
    println!("|---|---:|---:|---|");
    let mut is_met = true;
    let mut spreads = Vec::new();
    for (name, tried, wanted, bar) in SPLITS {
        let (errors, rival): (Vec<Vec<CurveError>>, Vec<Vec<f64>>) =
            jobs.iter().map(|job| curve_errors(job, &tried, &wanted)).unzip();
        let percent =
            errors.iter().map(|one| one.iter().map(|error| percent(error.log)).collect()).collect::<Vec<_>>();
        let beside = format!("{:.1}", mean_of_jobs(&rival));
        is_met &= print_figure(name, mean_of_jobs(&percent), bar, &beside);
        spreads.push((name, errors));
    }
    println!("\n| runtime error, % | ours | bar | the other type's runtime unchanged |");
    println!("|---|---:|---:|---|");
    let by_job: Vec<Vec<RatioError>> = jobs.iter().map(ratio_errors).collect();
    let part = |value: fn(&RatioError) -> f64, only_middle: bool| {
        let of = |one: &Vec<RatioError>| {
            one.iter().filter(|error| error.is_middle || !only_middle).map(value).collect::<Vec<f64>>()
        };
        by_job.iter().map(of).collect::<Vec<_>>()
    };
    let unchanged = |only| format!("{:.1}", mean_of_jobs(&part(|error| percent(error.unchanged), only)));
    let ours = |only| mean_of_jobs(&part(|error| percent(error.log), only));
    is_met &= print_figure("new type after one run of the middle count", ours(true), 12.0, &unchanged(true));
    println!("| the same after one run of any count | {:.2} | | {} |", ours(false), unchanged(false));
    println!("| a type without any run | no prediction | | {} |", unchanged(false));
    spreads.push((
        "new type after one run",
        by_job
            .iter()
            .map(|one| one.iter().map(|error| CurveError { log: error.log, own: 0.0 }).collect())
            .collect(),
    ));
    print_spreads(jobs, &spreads) && is_met
}

fn percent(log: f64) -> f64 {
    100.0 * ((-log).exp() - 1.0).abs()
}

fn curve_errors(job: &Job, tried: &[u32], wanted: &[u32]) -> (Vec<CurveError>, Vec<f64>) {
    let (mut errors, mut rival) = (Vec::new(), Vec::new());
    for ((_, name), counts) in job.cells() {
        if !tried.iter().chain(wanted).all(|n| counts.contains_key(n)) {
            continue;
        }
        let runs: Vec<(u32, f64)> = tried.iter().map(|n| (*n, counts[n])).collect();
        for (count, found, own) in predict(job, &[(name, &runs)], name, wanted) {
            errors.push(CurveError { log: (counts[&count] / found).ln(), own });
            rival.push(100.0 * (power_law(&runs, count) / counts[&count] - 1.0).abs());
        }
    }
    (errors, rival)
}

/// Predicts counts of a type with the product, which sees the given runs alone.
fn predict(job: &Job, seen: &[(&str, &[(u32, f64)])], name: &str, wanted: &[u32]) -> Vec<(u32, f64, f64)> {
    let point = |instance_type: &str, (count, seconds): (u32, f64)| MeasuredRun {
        job: job.name.clone(),
        point: RunPoint { instance_type: instance_type.into(), count, inputs: Vec::new(), seconds },
    };
    let runs: Vec<MeasuredRun> =
        seen.iter().flat_map(|(name, runs)| runs.iter().map(|run| point(name, *run))).collect();
    let configuration =
        |count: &u32| RunConfiguration { instance_type: name.into(), count: *count, price_per_hour: None };
    let configurations: Vec<RunConfiguration> = wanted.iter().map(configuration).collect();
    let query = RuntimeQuery { runs: &runs, job: &job.name, inputs: &[], configurations: &configurations };
    let found = predict_runtimes(&query).into_iter().map(|row| {
        let estimate = row.estimate.expect("the type has runs");
        assert_ne!(estimate.method, RuntimeMethod::Measured, "a prediction is no measurement");
        (configurations[row.at].count, estimate.seconds, estimate.error.unwrap_or(0.0))
    });
    found.collect()
}

struct RatioError {
    log: f64,
    unchanged: f64,
    is_middle: bool,
}

fn ratio_errors(job: &Job) -> Vec<RatioError> {
    let cells = job.cells();
    let mut errors = Vec::new();
    let pairs = cells.iter().flat_map(|donor| cells.iter().map(move |other| (donor, other)));
    for (((place, donor), known), ((other_place, name), truth)) in pairs {
        if place != other_place || donor == name || known.len().min(truth.len()) < DONOR_COUNTS {
            continue;
        }
        let runs: Vec<(u32, f64)> = known.iter().map(|(n, t)| (*n, *t)).collect();
        let counts: Vec<u32> = truth.keys().copied().collect();
        for (at, tried) in counts.iter().enumerate() {
            let one = [(*tried, truth[tried])];
            let wanted: Vec<u32> =
                counts.iter().copied().filter(|n| n != tried && known.contains_key(n)).collect();
            for (count, found, _) in predict(job, &[(donor, &runs), (name, &one)], name, &wanted) {
                errors.push(RatioError {
                    log: (truth[&count] / found).ln(),
                    unchanged: (truth[&count] / known[&count]).ln(),
                    is_middle: at == (counts.len() - 1) / 2,
                });
            }
        }
    }
    errors
}

/// Prints the coverage of each job's runs by intervals that the other jobs state.
fn print_spreads(jobs: &[Job], spreads: &[(&str, Vec<Vec<CurveError>>)]) -> bool {
    println!("\nIntervals of 90 %, calibrated on other jobs alone:");
    let mut shares: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, by_job) in spreads {
        for (at, job) in jobs.iter().enumerate() {
            let others: Vec<&Vec<CurveError>> =
                (0..jobs.len()).filter(|other| *other != at).map(|other| &by_job[other]).collect();
            let usual = equal_quantile(&others);
            let inside = by_job[at].iter().filter(|one| one.log.abs() <= usual.max(2.06 * one.own)).count();
            shares.entry(&job.name).or_default().push(inside as f64 / by_job[at].len().max(1) as f64);
        }
        let all = equal_quantile(&by_job.iter().collect::<Vec<_>>());
        println!("  {name}: nine of ten are within {all:.3} (logarithm), jobs counted equally");
    }
    let means: Vec<(f64, &str)> = shares.iter().map(|(name, of)| (crate::mean(of), *name)).collect();
    let share = crate::mean(&means.iter().map(|one| one.0).collect::<Vec<_>>());
    let worst = means.iter().min_by(|a, b| a.0.total_cmp(&b.0)).expect("there are jobs");
    let name = "90 % intervals, calibrated on other jobs alone";
    println!("| {name} | {share:.3} | at least 0.84 | worst job {} {:.2} |", worst.1, worst.0);
    share >= 0.84
}

/// The distance that nine of ten errors keep; every job has the same weight.
fn equal_quantile(by_job: &[&Vec<CurveError>]) -> f64 {
    let mut all: Vec<(f64, f64)> = by_job
        .iter()
        .flat_map(|one| one.iter().map(|error| (error.log.abs(), 1.0 / one.len() as f64)))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = all.iter().map(|one| one.1).sum();
    let mut sum = 0.0;
    let found = all.iter().find(|one| {
        sum += one.1;
        sum >= 0.9 * total - 1e-9
    });
    found.map_or(0.0, |one| one.0)
}
