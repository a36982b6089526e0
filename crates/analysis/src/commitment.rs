//! How large an hourly commitment of a Savings Plan would have paid.
//!
//! A commitment of c an hour is paid in every hour. It covers usage at the plan's prices, the
//! highest discount first, as AWS applies it; the rest of the hour costs its on-demand price. So
//! the cost of an hour is convex and piecewise linear in c, and the cheapest c is one of the points
//! at which a line of usage is covered completely. With one discount s for all usage it is
//! (1 - s) times the s-quantile of the hourly on-demand cost.

use std::ops::Range;

/// Hours of a week: past choices are made once a week.
const CHOICE_HOURS: usize = 7 * 24;
/// Fewest hours over which a past choice is judged: four whole weeks.
const JUDGED_HOURS: usize = 28 * 24;

/// Usage of one hour at the price of one way to use the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanUsage {
    /// The hour, counted from the start of the demand.
    pub hour: usize,
    /// Cost on demand.
    pub on_demand_cost: f64,
    /// Cost at the plan's price; usage with a price of 0 or without a discount is never covered.
    pub plan_cost: f64,
}

impl PlanUsage {
    fn is_coverable(&self) -> bool {
        self.plan_cost > 0.0 && self.plan_cost < self.on_demand_cost
    }

    /// The on-demand cost that one unit of money of the commitment replaces.
    fn worth(&self) -> f64 {
        self.on_demand_cost / self.plan_cost
    }
}

/// Hourly usage that a plan could cover.
#[derive(Debug, Clone, Default)]
pub struct CommitmentDemand {
    /// Coverable usage by hour, and the highest discount first within an hour.
    usage: Vec<PlanUsage>,
    /// For each hour the place of its first usage, and the end of all.
    starts: Vec<usize>,
    /// On-demand cost of each hour, with usage that is never covered.
    on_demand_costs: Vec<f64>,
}

/// The effect of a commitment on the hours of a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CommitmentEffect {
    /// The commitment an hour.
    pub commitment: f64,
    /// Number of hours.
    pub hours: usize,
    /// The commitment of all hours, and the uncovered usage on demand.
    pub cost: f64,
    /// Cost of all usage on demand.
    pub on_demand_cost: f64,
    /// On-demand cost of the covered usage.
    pub covered_cost: f64,
    /// The used part of the commitment of all hours.
    pub used_commitment: f64,
}

/// The commitments that past windows would have chosen, judged by the usage that followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastChoices {
    /// Number of choices, one a week.
    pub choices: usize,
    /// Fewest hours over which a choice is judged.
    pub judged_hours: usize,
    /// Cost of the choices over the cost of the best commitments in hindsight.
    pub cost_over_hindsight: f64,
    /// Share of the choices that cost more than no commitment.
    pub worse_than_nothing: f64,
}

impl CommitmentEffect {
    /// The saving against no commitment; negative for a loss.
    pub fn saving(&self) -> f64 {
        self.on_demand_cost - self.cost
    }

    /// The share of the on-demand cost that is covered; `None` without usage.
    pub fn coverage(&self) -> Option<f64> {
        ratio(self.covered_cost, self.on_demand_cost)
    }

    /// The used share of the commitment; `None` without a commitment.
    pub fn utilisation(&self) -> Option<f64> {
        ratio(self.used_commitment, self.commitment * self.hours as f64)
    }

    /// The saving as a share of the on-demand cost of all usage; `None` without usage.
    pub fn effective_savings_rate(&self) -> Option<f64> {
        ratio(self.saving(), self.on_demand_cost)
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

impl CommitmentDemand {
    /// Sorts usage of `hours` hours. Usage of a later hour is left out.
    pub fn new(hours: usize, mut usage: Vec<PlanUsage>) -> CommitmentDemand {
        let mut on_demand_costs = vec![0.0; hours];
        usage.retain(|one| {
            if let Some(cost) = on_demand_costs.get_mut(one.hour) {
                *cost += one.on_demand_cost;
            }
            one.hour < hours && one.is_coverable()
        });
        usage.sort_by(|one, other| {
            let by_worth = other.worth().total_cmp(&one.worth());
            one.hour.cmp(&other.hour).then(by_worth)
        });
        let starts = (0..=hours).map(|hour| usage.partition_point(|one| one.hour < hour)).collect();
        CommitmentDemand { usage, starts, on_demand_costs }
    }

    /// Number of hours.
    pub fn hours(&self) -> usize {
        self.on_demand_costs.len()
    }

    fn of_hour(&self, hour: usize) -> &[PlanUsage] {
        &self.usage[self.starts[hour]..self.starts[hour + 1]]
    }

    /// Returns the effect of a commitment on a span of hours.
    pub fn effect(&self, span: Range<usize>, commitment: f64) -> CommitmentEffect {
        let (mut covered_cost, mut used_commitment) = (0.0, 0.0);
        for hour in span.clone() {
            let mut rest = commitment;
            for usage in self.of_hour(hour) {
                let used = rest.min(usage.plan_cost);
                covered_cost += used * usage.worth();
                used_commitment += used;
                rest -= used;
                if rest <= 0.0 {
                    break;
                }
            }
        }
        let on_demand_cost: f64 = self.on_demand_costs[span.clone()].iter().sum();
        let cost = span.len() as f64 * commitment + on_demand_cost - covered_cost;
        CommitmentEffect {
            commitment,
            hours: span.len(),
            cost,
            on_demand_cost,
            covered_cost,
            used_commitment,
        }
    }

    /// Returns the commitment with the lowest cost over a span of hours, the smallest if several
    /// have it.
    pub fn best(&self, span: Range<usize>) -> f64 {
        // The slope of the cost rises at each point where a line of usage is covered completely.
        let mut slope = span.len() as f64;
        let mut rises = Vec::with_capacity(self.starts[span.end] - self.starts[span.start]);
        for hour in span.clone() {
            let usage = self.of_hour(hour);
            slope -= usage.first().map_or(0.0, PlanUsage::worth);
            let mut covered = 0.0;
            for (at, one) in usage.iter().enumerate() {
                covered += one.plan_cost;
                rises.push((covered, one.worth() - usage.get(at + 1).map_or(0.0, PlanUsage::worth)));
            }
        }
        rises.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        // A slope of this size is the rounding error of its sum.
        let rounding = 1e-9 * span.len() as f64;
        let mut points = rises.into_iter();
        let mut best = 0.0;
        while slope < -rounding {
            let Some((point, rise)) = points.next() else { break };
            best = point;
            slope += rise;
        }
        best
    }

    /// Returns the commitment that is used completely in all hours of a span but `share` of them.
    pub fn floor(&self, span: Range<usize>, share: f64) -> f64 {
        let plan_cost = |hour| self.of_hour(hour).iter().map(|usage| usage.plan_cost).sum::<f64>();
        let mut costs: Vec<f64> = span.map(plan_cost).collect();
        costs.sort_by(f64::total_cmp);
        costs.get((share * costs.len() as f64) as usize).copied().unwrap_or_default()
    }

    /// Chooses the best commitment of `window` hours once a week, and judges it by the hours that
    /// followed: at most `term` of them, and at least four weeks. `None` if too few hours follow.
    pub fn past_choices(&self, window: usize, term: usize) -> Option<PastChoices> {
        let last = self.hours().checked_sub(JUDGED_HOURS)?;
        let (mut cost, mut hindsight, mut worse, mut choices) = (0.0, 0.0, 0, 0);
        let mut judged_hours = term;
        for chosen_at in (window..=last).step_by(CHOICE_HOURS) {
            let held = chosen_at..self.hours().min(chosen_at + term);
            judged_hours = judged_hours.min(held.len());
            let effect = self.effect(held.clone(), self.best(chosen_at - window..chosen_at));
            cost += effect.cost;
            hindsight += self.effect(held.clone(), self.best(held)).cost;
            // A loss below the rounding error of the sums is none.
            worse += usize::from(effect.saving() < -1e-9 * effect.on_demand_cost);
            choices += 1;
        }
        (choices > 0).then(|| PastChoices {
            choices,
            judged_hours,
            cost_over_hindsight: ratio(cost, hindsight).unwrap_or(1.0),
            worse_than_nothing: worse as f64 / choices as f64,
        })
    }
}

#[cfg(test)]
#[path = "commitment_tests.rs"]
mod tests;
