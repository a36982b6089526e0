//! Runs with known inputs, and with inputs that were left out.

use analysis::runtimes::{InputModel, RunConfiguration, RunPoint, RuntimeQuery, predict_runtimes};

use crate::baselines::BaselineRows;
use crate::jobs::Job;
use crate::random::RandomStream;
use crate::{mean_of_jobs, print_figure};

const TENTHS: usize = 10;
/// Inputs of a job of which the intervals are measured.
const INTERVAL_INPUTS: usize = 6;

/// Prints the errors of random tenths and of whole inputs.
pub(crate) fn measure(jobs: &[Job], seed: u64) -> bool {
    println!("\n| runtime error, % | ours | bar | least squares, support vectors, boosted trees |");
    println!("|---|---:|---:|---|");
    let tenths: Vec<Vec<usize>> =
        jobs.iter().enumerate().map(|(at, job)| shuffled_tenths(job, seed, at)).collect();
    let inputs: Vec<Vec<usize>> = jobs.iter().map(input_groups).collect();
    let known = print_errors("inputs known, a random tenth left out", jobs, &tenths, 4.5);
    let left_out = print_errors("a whole input left out", jobs, &inputs, 6.2);
    known && left_out
}

/// The tenth that each point belongs to.
fn shuffled_tenths(job: &Job, seed: u64, stream: usize) -> Vec<usize> {
    let mut random = RandomStream::new(seed, stream as u64);
    let mut tenths: Vec<usize> = (0..job.points.len()).map(|at| at % TENTHS).collect();
    for at in (1..tenths.len()).rev() {
        tenths.swap(at, random.whole(0, at));
    }
    tenths
}

fn input_groups(job: &Job) -> Vec<usize> {
    let inputs = job.inputs();
    let place = |point: &RunPoint| inputs.iter().position(|one| *one == point.inputs).unwrap();
    job.points.iter().map(place).collect()
}

fn print_errors(name: &str, jobs: &[Job], groups: &[Vec<usize>], bar: f64) -> bool {
    let mut errors: [Vec<Vec<f64>>; 4] = Default::default();
    let mut unknown = 0;
    for (job, groups) in jobs.iter().zip(groups) {
        let mut of_job: [Vec<f64>; 4] = Default::default();
        for group in 0..=groups.iter().copied().max().unwrap_or(0) {
            let part = |is_left_out: bool| -> Vec<RunPoint> {
                let places = (0..groups.len()).filter(|at| (groups[*at] == group) == is_left_out);
                places.map(|at| job.points[at].clone()).collect()
            };
            let train = part(false);
            let model = InputModel::fit(&train).expect("the runs determine a model");
            let mut test = part(true);
            let before = test.len();
            test.retain(|point| model.seconds(point).is_some());
            unknown += before - test.len();
            let rows = BaselineRows::of(&train, &test);
            let ours = test.iter().map(|point| model.seconds(point).unwrap()).collect();
            let found = [ours, rows.least_squares(), rows.support_vectors(), rows.boosted_trees()];
            for (errors, predicted) in of_job.iter_mut().zip(found) {
                let error = |(point, found): (&RunPoint, f64)| 100.0 * (found / point.seconds - 1.0).abs();
                errors.extend(test.iter().zip(predicted).map(error));
            }
        }
        let figures = of_job.each_ref().map(|errors| format!("{:.1}", crate::mean(errors)));
        println!("  {name}, {}: {}", job.name, figures.join(", "));
        errors.iter_mut().zip(of_job).for_each(|(all, one)| all.push(one));
    }
    let means = errors.each_ref().map(|one| mean_of_jobs(one));
    println!("  {unknown} runs of a type without other runs have no prediction: left out of every column");
    let beside = format!("{:.1}, {:.1}, {:.1}", means[1], means[2], means[3]);
    print_figure(name, means[0], bar, &beside)
}

/// Prints how many runs of whole left-out inputs are inside their intervals.
pub(crate) fn measure_intervals(jobs: &[Job], seed: u64) -> bool {
    println!("\nIntervals of 90 %, calibrated on the job's other inputs ({INTERVAL_INPUTS} of each job):");
    let mut by_job = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let inputs = job.inputs();
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        let mut random = RandomStream::new(seed, 100 + at as u64);
        (1..order.len()).rev().for_each(|at| order.swap(at, random.whole(0, at)));
        let chosen = order.into_iter().take(INTERVAL_INPUTS);
        let inside: Vec<f64> = chosen.flat_map(|place| inside_of_input(job, inputs[place])).collect();
        println!("  {}: {:.2} of {}", job.name, crate::mean(&inside), inside.len());
        by_job.push(inside);
    }
    let share = mean_of_jobs(&by_job);
    println!("| 90 % intervals, calibrated on the job's other inputs | {share:.3} | 0.87 to 0.95 | |");
    (0.87..=0.95).contains(&share)
}

/// Whether each run of an input is inside the interval that all other inputs state: 1 or 0.
fn inside_of_input(job: &Job, inputs: &[f64]) -> Vec<f64> {
    let runs = job.runs(job.points.iter().filter(|point| point.inputs != inputs));
    let left_out: Vec<&RunPoint> = job.points.iter().filter(|point| point.inputs == inputs).collect();
    let configurations: Vec<RunConfiguration> = left_out
        .iter()
        .map(|point| RunConfiguration {
            instance_type: point.instance_type.clone(),
            count: point.count,
            price_per_hour: None,
        })
        .collect();
    let query = RuntimeQuery { runs: &runs, job: &job.name, inputs, configurations: &configurations };
    let rows = predict_runtimes(&query);
    let is_inside = |(row, point): (&analysis::runtimes::RuntimeRow, &&RunPoint)| {
        let (lower, upper) = row.estimate.as_ref()?.bounds?;
        Some(f64::from(u8::from(lower <= point.seconds && point.seconds <= upper)))
    };
    rows.iter().zip(&left_out).filter_map(is_inside).collect()
}
