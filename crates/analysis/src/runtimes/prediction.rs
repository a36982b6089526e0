//! The runtime and the cost of each configuration, and the run to try next.

use std::collections::{BTreeMap, BTreeSet};

use super::tries::{KnownWorkload, UncertainCost, first_tries};
use super::{CountCurve, InputModel, MeasuredRun, RunPoint, median_points, repeats};
use crate::numbers::{mean, median, quantile};

/// Points of one job from which its inputs are modelled.
pub const MANY_RUNS: usize = 20;
/// Points from which a model of the inputs learns at most: its time grows with their cube.
const MOST_MODELLED: usize = 1_000;
/// A value further outside the seen range than this share of the range is marked.
const EXTRAPOLATION_SHARE: f64 = 1.0 / 3.0;
/// Deviations of repeats or left-out errors that a 90 % interval needs: with fewer, the largest of
/// them is no bound of 90 %.
const CALIBRATION_RUNS: usize = 10;
/// The 90 % quantile of the distance of a normal variable from its mean.
const NORMAL_90: f64 = 1.645;
/// The same, divided by the mean distance.
const NORMAL_90_OF_MEAN: f64 = 2.06;
/// Standard deviation of the logarithm of the runtime of a type without runs, against the known
/// type: the distance of types of the public jobs, where other jobs state no better one.
const UNTRIED_DEVIATION: f64 = 0.35;
/// Runs to try for a job without any.
const FIRST_TRIES: usize = 3;

/// The share by which nine of ten runtimes differ at most from a curve, in logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadFactors {
    /// Between tried counts.
    pub inside: f64,
    /// Outside the tried counts.
    pub beyond: f64,
    /// On another type after one run there.
    pub ratio: f64,
}

impl Default for SpreadFactors {
    /// Those of the five public jobs, with equal weights (docs/models.md).
    fn default() -> SpreadFactors {
        SpreadFactors { inside: 0.13, beyond: 0.26, ratio: 0.38 }
    }
}

/// An instance type and a count to predict.
#[derive(Debug, Clone, PartialEq)]
pub struct RunConfiguration {
    /// Instance type.
    pub instance_type: String,
    /// Count of instances.
    pub count: u32,
    /// Price of one instance for an hour; `None` if it is unknown.
    pub price_per_hour: Option<f64>,
}

impl RunConfiguration {
    fn cost(&self, seconds: f64) -> Option<f64> {
        self.price_per_hour.map(|price| price * f64::from(self.count) * seconds / 3600.0)
    }

    fn key(&self) -> (String, u32) {
        (self.instance_type.clone(), self.count)
    }
}

/// A job and its inputs, with all measured runs.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeQuery<'a> {
    /// Runs of this job and of others.
    pub runs: &'a [MeasuredRun],
    /// The job.
    pub job: &'a str,
    /// Its inputs.
    pub inputs: &'a [f64],
    /// The configurations to predict.
    pub configurations: &'a [RunConfiguration],
}

/// The origin of a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeMethod {
    /// The median of the runs of this configuration with these inputs.
    Measured,
    /// The curve over the counts of this type.
    Curve,
    /// The curve of another type times the ratio at the tried count.
    Ratio,
    /// The models of the inputs.
    Inputs,
}

/// A runtime, and how wrong it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimeEstimate {
    /// Runtime, seconds.
    pub seconds: f64,
    /// Bounds between which nine of ten runs are expected; `None` if too few runs tell.
    pub bounds: Option<(f64, f64)>,
    /// The origin.
    pub method: RuntimeMethod,
    /// Whether the count or an input is more than a third outside its seen range.
    pub is_extrapolated: bool,
    /// Mean relative error of the runs that were predicted without themselves.
    pub error: Option<f64>,
    /// The number of those runs.
    pub error_runs: usize,
}

/// The worth of a run that was not made yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NextTry {
    /// Expected saving in each later run; `None` if no cost of the job is known.
    pub saving_per_run: Option<f64>,
    /// Expected cost of the try; `None` if no cost of the job is known.
    pub cost: Option<f64>,
}

impl NextTry {
    /// Returns the number of later runs after which the try has paid for itself.
    #[must_use]
    pub fn pays_after(&self) -> Option<u64> {
        let (saving, cost) = self.saving_per_run.zip(self.cost)?;
        (saving > 0.0).then(|| (cost / saving).ceil() as u64)
    }
}

/// The answer for one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct RuntimeRow {
    /// The place in [`RuntimeQuery::configurations`].
    pub at: usize,
    /// The runtime; `None` for an instance type without runs.
    pub estimate: Option<RuntimeEstimate>,
    /// Set for the configuration to try next, if there is one.
    pub next: Option<NextTry>,
}

/// Predicts the runtime of each configuration, and chooses the run to try next. The order of the
/// runs has no effect.
#[must_use]
pub fn predict_runtimes(query: &RuntimeQuery<'_>) -> Vec<RuntimeRow> {
    let known = JobKnowledge::of(query);
    let estimates: Vec<Option<RuntimeEstimate>> =
        query.configurations.iter().map(|one| known.estimate(one)).collect();
    let next = next_try(query, &estimates);
    let row = |(at, estimate)| RuntimeRow {
        at,
        estimate,
        next: next.as_ref().filter(|(place, _)| *place == at).map(|(_, next)| *next),
    };
    estimates.into_iter().enumerate().map(row).collect()
}

/// Everything that the runs of the job state.
struct JobKnowledge<'a> {
    inputs: &'a [f64],
    points: Vec<RunPoint>,
    /// The runs with these inputs: seconds by type and count.
    here: BTreeMap<&'a str, BTreeMap<u32, f64>>,
    curves: BTreeMap<&'a str, CountCurve>,
    model: Option<(InputModel, Vec<f64>)>,
    /// How far nine of ten repeats are from their median, in logarithms.
    repeat_spread: Option<f64>,
}

impl<'a> JobKnowledge<'a> {
    fn of(query: &RuntimeQuery<'a>) -> JobKnowledge<'a> {
        let (points, repeat_spread) = {
            let with_repeats = repeats(query.runs, query.job);
            let spread = repeat_spread(&with_repeats);
            (with_repeats.into_iter().map(|(point, _)| point).collect::<Vec<_>>(), spread)
        };
        let mut here: BTreeMap<&str, BTreeMap<u32, f64>> = BTreeMap::new();
        for one in query.configurations.iter().map(|one| one.instance_type.as_str()) {
            here.entry(one).or_default();
        }
        // Runs of types that were not asked for still carry a curve.
        for run in query.runs.iter().filter(|run| run.job == query.job && run.point.inputs == query.inputs) {
            here.entry(run.point.instance_type.as_str()).or_default();
        }
        for point in points.iter().filter(|point| point.inputs == query.inputs) {
            if let Some(counts) = here.get_mut(point.instance_type.as_str()) {
                counts.insert(point.count, point.seconds);
            }
        }
        let curve = |counts: &BTreeMap<u32, f64>| {
            CountCurve::fit(&counts.iter().map(|(n, seconds)| (*n, *seconds)).collect::<Vec<_>>())
        };
        let curves = here.iter().filter_map(|(name, counts)| Some((*name, curve(counts)?))).collect();
        let varies = points.iter().any(|point| point.inputs != points[0].inputs);
        let every = points.len().div_ceil(MOST_MODELLED).max(1);
        let modelled: Vec<RunPoint> = points.iter().step_by(every).cloned().collect();
        let model = (modelled.len() >= MANY_RUNS && varies).then(|| InputModel::fit(&modelled)).flatten();
        let by_input = !points.iter().any(|point| point.inputs == query.inputs);
        let model = model.map(|model| {
            let errors = model.left_out_errors(&modelled, by_input).into_iter().flatten().collect();
            (model, errors)
        });
        JobKnowledge { inputs: query.inputs, points, here, curves, model, repeat_spread }
    }

    fn estimate(&self, wanted: &RunConfiguration) -> Option<RuntimeEstimate> {
        let counts = self.here.get(wanted.instance_type.as_str())?;
        if let Some(seconds) = counts.get(&wanted.count) {
            return Some(self.measured(*seconds));
        }
        self.by_inputs(wanted)
            .or_else(|| self.by_curve(wanted, counts))
            .or_else(|| self.by_ratio(wanted, counts))
    }

    fn measured(&self, seconds: f64) -> RuntimeEstimate {
        RuntimeEstimate {
            seconds,
            bounds: self.repeat_spread.map(|spread| bounds(seconds, spread)),
            method: RuntimeMethod::Measured,
            is_extrapolated: false,
            error: None,
            error_runs: 0,
        }
    }

    fn by_inputs(&self, wanted: &RunConfiguration) -> Option<RuntimeEstimate> {
        let (model, errors) = self.model.as_ref()?;
        let point = RunPoint {
            instance_type: wanted.instance_type.clone(),
            count: wanted.count,
            inputs: self.inputs.to_vec(),
            seconds: 0.0,
        };
        let seconds = model.seconds(&point)?;
        let column = |value: f64, of: &dyn Fn(&RunPoint) -> f64| is_far(value, self.points.iter().map(of));
        let is_extrapolated = column(f64::from(wanted.count), &|point| f64::from(point.count))
            || (0..self.inputs.len()).any(|at| column(self.inputs[at], &|point| point.inputs[at]));
        let relative: Vec<f64> = errors.iter().map(|error| ((-error).exp() - 1.0).abs()).collect();
        Some(RuntimeEstimate {
            seconds,
            bounds: conformal_spread(errors).map(|spread| bounds(seconds, spread)),
            method: RuntimeMethod::Inputs,
            is_extrapolated,
            error: (!relative.is_empty()).then(|| mean(&relative)),
            error_runs: relative.len(),
        })
    }

    fn by_curve(&self, wanted: &RunConfiguration, counts: &BTreeMap<u32, f64>) -> Option<RuntimeEstimate> {
        let curve = self.curves.get(wanted.instance_type.as_str())?;
        let seconds = curve.seconds(wanted.count);
        let errors = left_out_counts(counts, &curve.set_aside);
        let factors = SpreadFactors::default();
        let is_inside = counts.keys().any(|n| *n < wanted.count) && counts.keys().any(|n| *n > wanted.count);
        let usual = if is_inside { factors.inside } else { factors.beyond };
        let spread = usual.max(NORMAL_90_OF_MEAN * mean(&errors));
        Some(RuntimeEstimate {
            seconds,
            bounds: Some(bounds(seconds, spread)),
            method: RuntimeMethod::Curve,
            is_extrapolated: is_far(f64::from(wanted.count), counts.keys().map(|n| f64::from(*n))),
            error: (!errors.is_empty()).then(|| mean(&errors)),
            error_runs: errors.len(),
        })
    }

    /// The curve with the most counts, times the ratio at the tried count.
    fn by_ratio(&self, wanted: &RunConfiguration, counts: &BTreeMap<u32, f64>) -> Option<RuntimeEstimate> {
        let (tried, measured) = counts.first_key_value()?;
        let size = |name: &&str| self.here.get(*name).map_or(0, BTreeMap::len);
        // The first name wins a tie.
        let (donor, curve) = self.curves.iter().rev().max_by_key(|(name, _)| size(name))?;
        let seconds = curve.seconds(wanted.count) * measured / curve.seconds(*tried);
        let seen = self.here[donor].keys().chain([tried]).map(|n| f64::from(*n));
        Some(RuntimeEstimate {
            seconds,
            bounds: Some(bounds(seconds, SpreadFactors::default().ratio)),
            method: RuntimeMethod::Ratio,
            is_extrapolated: is_far(f64::from(wanted.count), seen),
            error: None,
            error_runs: 0,
        })
    }
}

fn bounds(seconds: f64, spread: f64) -> (f64, f64) {
    (seconds * (-spread).exp(), seconds * spread.exp())
}

/// Whether a value is more than a third of the seen range outside that range. Without a range, only
/// the seen value itself is not.
fn is_far(value: f64, seen: impl Iterator<Item = f64>) -> bool {
    let (low, high) =
        seen.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), one| (low.min(one), high.max(one)));
    let margin = EXTRAPOLATION_SHARE * (high - low);
    value < low - margin || value > high + margin
}

/// The bound that nine of ten distances keep, with the correction for few of them (Vovk 2005).
fn conformal_spread(errors: &[f64]) -> Option<f64> {
    if errors.len() < CALIBRATION_RUNS {
        return None;
    }
    let mut distances: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    distances.sort_by(f64::total_cmp);
    let rank = (0.9 * (errors.len() + 1) as f64).ceil() as usize;
    distances.get(rank.min(distances.len()) - 1).copied()
}

fn repeat_spread(points: &[(RunPoint, Vec<f64>)]) -> Option<f64> {
    let deviations = points.iter().filter(|(_, logs)| logs.len() > 1).flat_map(|(_, logs)| {
        // The median of few repeats follows them.
        let correction = (logs.len() as f64 / (logs.len() - 1) as f64).sqrt();
        let middle = median(&mut logs.clone());
        logs.iter().map(move |log| (log - middle).abs() * correction).collect::<Vec<_>>()
    });
    let mut deviations: Vec<f64> = deviations.collect();
    (deviations.len() >= CALIBRATION_RUNS).then(|| quantile(&mut deviations, 0.9))
}

/// The relative error of the curve at each count without it.
fn left_out_counts(counts: &BTreeMap<u32, f64>, set_aside: &[u32]) -> Vec<f64> {
    let runs: Vec<(u32, f64)> =
        counts.iter().filter(|(n, _)| !set_aside.contains(n)).map(|(n, t)| (*n, *t)).collect();
    if runs.len() < 3 {
        return Vec::new();
    }
    let error = |at: usize| {
        let mut others = runs.clone();
        let (count, measured) = others.remove(at);
        CountCurve::fit(&others).map(|curve| (curve.seconds(count) / measured - 1.0).abs())
    };
    (0..runs.len()).filter_map(error).collect()
}

/// Returns the place of the run to try next: the largest expected saving for its expected cost.
fn next_try(query: &RuntimeQuery<'_>, estimates: &[Option<RuntimeEstimate>]) -> Option<(usize, NextTry)> {
    let configurations = query.configurations;
    let priced = |at: usize| configurations[at].cost(estimates[at].as_ref()?.seconds);
    let Some(cheapest) = (0..configurations.len()).filter_map(priced).min_by(f64::total_cmp) else {
        return first_try(query, estimates);
    };
    let gain = |at: usize| {
        let cost = uncertain_cost(query, estimates, at)?;
        let saving = cost.expected_saving(cheapest);
        let next = NextTry { saving_per_run: Some(saving), cost: Some(cost.mean()) };
        (saving > 0.0).then_some((at, next, saving / cost.mean()))
    };
    let found = (0..configurations.len()).filter_map(gain);
    let key = |at: usize| configurations[at].key();
    found
        .max_by(|a, b| a.2.total_cmp(&b.2).then_with(|| key(b.0).cmp(&key(a.0))))
        .map(|(at, next, _)| (at, next))
}

/// The cost of a configuration that was not measured with these inputs.
fn uncertain_cost(
    query: &RuntimeQuery<'_>,
    estimates: &[Option<RuntimeEstimate>],
    at: usize,
) -> Option<UncertainCost> {
    let wanted = &query.configurations[at];
    if let Some(estimate) = &estimates[at] {
        let (_, upper) = estimate.bounds.filter(|_| estimate.method != RuntimeMethod::Measured)?;
        let deviation = (upper / estimate.seconds).ln() / NORMAL_90;
        return Some(UncertainCost { log: wanted.cost(estimate.seconds)?.ln(), deviation });
    }
    // A type without runs: the known types with the same count, times the ratio of other workloads.
    let peers = (0..estimates.len()).filter(|peer| query.configurations[*peer].count == wanted.count);
    let logs: Vec<(f64, f64)> = peers
        .filter_map(|peer| {
            let name = &query.configurations[peer].instance_type;
            let (ratio, deviation) = type_ratio(query, &wanted.instance_type, name);
            Some((estimates[peer].as_ref()?.seconds.ln() + ratio, deviation))
        })
        .collect();
    let (log, deviation) = logs.into_iter().min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)))?;
    Some(UncertainCost { log: wanted.cost(log.exp())?.ln(), deviation })
}

/// Returns the logarithm of the ratio of the runtimes of two types in the workloads that have both,
/// and its deviation. Jobs count equally. Without such workloads both are the usual ones.
fn type_ratio(query: &RuntimeQuery<'_>, of: &str, to: &str) -> (f64, f64) {
    let mut by_job: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for job in query.runs.iter().map(|run| run.job.as_str()).collect::<BTreeSet<_>>() {
        let points = median_points(query.runs, job);
        let seconds = |name: &str, like: &RunPoint| {
            points
                .iter()
                .find(|one| one.instance_type == name && one.count == like.count && one.inputs == like.inputs)
        };
        for point in points.iter().filter(|point| point.instance_type == of) {
            if let Some(other) = seconds(to, point) {
                by_job.entry(job).or_default().push((point.seconds / other.seconds).ln());
            }
        }
    }
    let means: Vec<f64> = by_job.values().map(|ratios| mean(ratios)).collect();
    if means.is_empty() {
        return (0.0, UNTRIED_DEVIATION);
    }
    let centre = mean(&means);
    let squares: Vec<f64> = means.iter().map(|one| (one - centre).powi(2)).collect();
    // Few jobs: the usual deviation counts as one more.
    let sum = squares.iter().sum::<f64>() + UNTRIED_DEVIATION.powi(2);
    (centre, (sum / means.len() as f64).sqrt().min(UNTRIED_DEVIATION))
}

/// The first run of a job without any cost yet, from the other jobs' costs. Without those, the
/// middle count of the cheapest type by price.
fn first_try(query: &RuntimeQuery<'_>, estimates: &[Option<RuntimeEstimate>]) -> Option<(usize, NextTry)> {
    let unknown = NextTry { saving_per_run: None, cost: None };
    let open: Vec<usize> = (0..estimates.len()).filter(|at| estimates[*at].is_none()).collect();
    let candidates: Vec<(String, u32)> = open.iter().map(|at| query.configurations[*at].key()).collect();
    let chosen = first_tries(&other_workloads(query), &candidates, FIRST_TRIES).into_iter().next();
    let at = match chosen {
        Some(key) => open.iter().copied().find(|at| query.configurations[*at].key() == key),
        None => middle_of_cheapest(query, &open),
    };
    at.map(|at| (at, unknown))
}

fn middle_of_cheapest(query: &RuntimeQuery<'_>, open: &[usize]) -> Option<usize> {
    let price = |at: &usize| query.configurations[*at].price_per_hour.unwrap_or(f64::INFINITY);
    let name = |at: &usize| query.configurations[*at].instance_type.as_str();
    let cheapest =
        open.iter().min_by(|a, b| price(a).total_cmp(&price(b)).then_with(|| name(a).cmp(name(b))))?;
    let mut of_type: Vec<usize> = open.iter().copied().filter(|at| name(at) == name(cheapest)).collect();
    of_type.sort_by_key(|at| query.configurations[*at].count);
    of_type.get(of_type.len() / 2).copied()
}

/// The workloads of all other jobs, at the prices of the configurations.
fn other_workloads(query: &RuntimeQuery<'_>) -> Vec<KnownWorkload> {
    let prices: BTreeMap<&str, f64> = query
        .configurations
        .iter()
        .filter_map(|one| Some((one.instance_type.as_str(), one.price_per_hour?)))
        .collect();
    let jobs: BTreeSet<&str> =
        query.runs.iter().map(|run| run.job.as_str()).filter(|job| *job != query.job).collect();
    let mut workloads: BTreeMap<(&str, Vec<u64>), KnownWorkload> = BTreeMap::new();
    for job in jobs {
        for point in median_points(query.runs, job) {
            let Some(price) = prices.get(point.instance_type.as_str()) else { continue };
            let inputs = point.inputs.iter().map(|input| input.to_bits()).collect();
            let workload = workloads
                .entry((job, inputs))
                .or_insert_with(|| KnownWorkload { job: job.into(), costs: BTreeMap::new() });
            let cost = price * f64::from(point.count) * point.seconds / 3600.0;
            workload.costs.insert((point.instance_type, point.count), cost);
        }
    }
    // A workload of one type says nothing about the choice of a type.
    let types =
        |one: &KnownWorkload| one.costs.keys().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>().len();
    workloads.into_values().filter(|one| types(one) > 1).collect()
}
