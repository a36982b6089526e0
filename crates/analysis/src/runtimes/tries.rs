//! Which configuration to try next.

use std::collections::{BTreeMap, BTreeSet};

/// The costs of one job with the same inputs, by instance type and count.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownWorkload {
    /// The job.
    pub job: String,
    /// Cost of a run of each configuration that was measured.
    pub costs: BTreeMap<(String, u32), f64>,
}

/// Returns the configurations to try for a job without any run, at most `tries`, each of another
/// instance type: the set with the cheapest one nearest, on average, to the cheapest of each of the
/// other jobs' workloads. Jobs count equally. One type is tried once before any is tried twice,
/// because the best type of one job says little about that of the next.
#[must_use]
pub fn first_tries(
    workloads: &[KnownWorkload],
    candidates: &[(String, u32)],
    tries: usize,
) -> Vec<(String, u32)> {
    let known: BTreeSet<&(String, u32)> = workloads.iter().flat_map(|one| one.costs.keys()).collect();
    let candidates: Vec<&(String, u32)> = candidates.iter().filter(|one| known.contains(one)).collect();
    let relative: Vec<RelativeCosts<'_>> = workloads.iter().filter_map(RelativeCosts::of).collect();
    let mut chosen: Vec<&(String, u32)> = Vec::new();
    // One at a time, then each exchanged for a better one until none is.
    while chosen.len() < tries {
        let Some(best) = best_addition(&relative, &candidates, &chosen) else { break };
        chosen.push(best);
    }
    let mut score = mean_regret(&relative, &chosen);
    let mut at = 0;
    let mut unchanged = 0;
    while unchanged < chosen.len() {
        let old = chosen.remove(at);
        let best = best_addition(&relative, &candidates, &chosen).unwrap_or(old);
        chosen.insert(at, best);
        let found = mean_regret(&relative, &chosen);
        if found < score - 1e-9 {
            (score, unchanged) = (found, 0);
        } else {
            chosen[at] = old;
            unchanged += 1;
        }
        at = (at + 1) % chosen.len();
    }
    chosen.into_iter().cloned().collect()
}

/// The costs of a workload, divided by its cheapest.
struct RelativeCosts<'a> {
    job: &'a str,
    costs: BTreeMap<&'a (String, u32), f64>,
    dearest: f64,
}

impl RelativeCosts<'_> {
    fn of(workload: &KnownWorkload) -> Option<RelativeCosts<'_>> {
        let least = workload.costs.values().copied().min_by(f64::total_cmp)?;
        let costs: BTreeMap<_, _> = workload.costs.iter().map(|(at, cost)| (at, cost / least)).collect();
        let dearest = costs.values().copied().max_by(f64::total_cmp)?;
        Some(RelativeCosts { job: &workload.job, costs, dearest })
    }
}

fn best_addition<'a>(
    workloads: &[RelativeCosts<'_>],
    candidates: &[&'a (String, u32)],
    chosen: &[&'a (String, u32)],
) -> Option<&'a (String, u32)> {
    let is_new_type = |one: &&&'a (String, u32)| chosen.iter().all(|other| other.0 != one.0);
    let scored = candidates.iter().filter(is_new_type).map(|one| {
        let with: Vec<&(String, u32)> = chosen.iter().copied().chain([*one]).collect();
        (mean_regret(workloads, &with), *one)
    });
    scored.min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1))).map(|(_, one)| one)
}

/// The cost of the cheapest tried configuration, divided by that of the cheapest of all: the mean
/// over jobs of the mean over their workloads.
fn mean_regret(workloads: &[RelativeCosts<'_>], tried: &[&(String, u32)]) -> f64 {
    let mut by_job: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for workload in workloads {
        let found = tried.iter().filter_map(|at| workload.costs.get(at).copied());
        let least = found.min_by(f64::total_cmp).unwrap_or(workload.dearest);
        by_job.entry(workload.job).or_default().push(least);
    }
    let means: Vec<f64> = by_job.values().map(|regrets| crate::numbers::mean(regrets)).collect();
    crate::numbers::mean(&means)
}

/// A cost that is not known yet: its logarithm is normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct UncertainCost {
    /// Mean of the logarithm.
    pub(super) log: f64,
    /// Standard deviation of the logarithm.
    pub(super) deviation: f64,
}

impl UncertainCost {
    pub(super) fn mean(&self) -> f64 {
        (self.log + 0.5 * self.deviation.powi(2)).exp()
    }

    /// The mean of `known - cost` where it is positive, and 0 elsewhere: the saving of a later run
    /// if the cheaper of the two is chosen after the try (Black 1976).
    pub(super) fn expected_saving(&self, known: f64) -> f64 {
        if self.deviation <= 0.0 {
            return (known - self.log.exp()).max(0.0);
        }
        let distance = (known.ln() - self.log) / self.deviation;
        (known * normal_share(distance) - self.mean() * normal_share(distance - self.deviation)).max(0.0)
    }
}

/// The share of a normal distribution below a value (Abramowitz and Stegun, 7.1.26; error below
/// 2e-7).
fn normal_share(value: f64) -> f64 {
    let x = value.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let weights = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let series = weights.iter().fold(0.0, |sum, weight| (sum + weight) * t);
    let tail = 0.5 * series * (-x * x).exp();
    if value < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(job: &str, costs: &[(&str, u32, f64)]) -> KnownWorkload {
        let costs = costs.iter().map(|(name, count, cost)| (((*name).into(), *count), *cost)).collect();
        KnownWorkload { job: job.into(), costs }
    }

    #[test]
    fn the_first_tries_are_of_different_types_and_cover_all_jobs_equally() {
        // Job "many" has two workloads that like b, and counts no more than the other jobs.
        let many = [("a", 2, 1.0), ("a", 4, 3.0), ("b", 2, 2.0), ("c", 2, 9.0)];
        let few = [("a", 2, 9.0), ("a", 4, 8.0), ("b", 2, 9.0), ("c", 2, 1.0)];
        let workloads = [workload("many", &many), workload("many", &many), workload("few", &few)];
        let candidates: Vec<(String, u32)> =
            [("a", 2), ("a", 4), ("b", 2), ("c", 2), ("d", 2)].map(|(name, n)| (name.into(), n)).to_vec();
        let two = first_tries(&workloads, &candidates, 2);
        assert_eq!(two, [("a".to_string(), 2), ("c".to_string(), 2)]);
        let types: BTreeSet<String> =
            first_tries(&workloads, &candidates, 3).into_iter().map(|(name, _)| name).collect();
        assert_eq!(types.into_iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(first_tries(&[], &candidates, 3).is_empty());
    }

    #[test]
    fn the_expected_saving_grows_with_uncertainty_and_is_exact_without_any() {
        let cost = |deviation| UncertainCost { log: 2.0_f64.ln(), deviation };
        assert_eq!(cost(0.0).expected_saving(3.0), 1.0);
        assert_eq!(cost(0.0).expected_saving(1.0), 0.0);
        let (sure, unsure) = (cost(0.1).expected_saving(2.0), cost(0.5).expected_saving(2.0));
        assert!(0.0 < sure && sure < unsure, "{sure} {unsure}");
        // The mean of 2 - cost where positive, by summing over 10,000 quantiles.
        let steps: f64 = (0..200_000)
            .map(|at| {
                let z = -6.0 + 12.0 * (f64::from(at) + 0.5) / 200_000.0;
                let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
                (2.0 - 2.0 * (0.5 * z).exp()).max(0.0) * density * 12.0 / 200_000.0
            })
            .sum();
        assert!((unsure - steps).abs() < 1e-5, "{unsure} {steps}");
    }
}
