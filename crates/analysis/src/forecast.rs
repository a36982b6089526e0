//! The forecast of a bill: actual costs, the schedule, and the remainder of each month.
//!
//! Leaves are forecast and summed, so that every grouping adds up. The interval of a group comes
//! from the past errors of its own totals.

use std::collections::{BTreeMap, VecDeque};

use domain::Decimal;

use crate::backtest::{ForecastSpan, LeafForecast, PastForecast};
use crate::interval::RatioPool;
use crate::numbers::{mean, median, quantile};
use crate::shares::{from_micros, split, to_micros};
use crate::{CostLeaf, DailyCosts, Day, LeafGroup, LeafPart};

/// Past months that decide the width of an interval: older ones had less history to learn from.
const INTERVAL_MONTHS: usize = 6;

/// The days that a forecast uses and covers.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastSettings {
    /// The last known day.
    pub through: Day,
    /// The number of months; 1 is the month of the day after `through`.
    pub months: usize,
    /// Levels of the intervals, between 0 and 1.
    pub levels: Vec<f64>,
}

/// The forecast of all leaves of one bill and currency.
#[derive(Debug, Clone)]
pub struct CostForecast {
    span: ForecastSpan,
    levels: Vec<f64>,
    costs: Vec<DailyCosts>,
    leaves: Vec<LeafForecast>,
    past_months: Vec<Day>,
    /// By month ahead.
    pools: Vec<RatioPool>,
}

/// The forecast of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupForecast {
    /// The months, the current one first.
    pub months: Vec<MonthForecast>,
    /// Every day of the months; known days have 0.
    pub days: Vec<DayForecast>,
}

/// The forecast of a group's month. Its total is the actual cost, plus `scheduled`, plus
/// `remainder`.
#[derive(Debug, Clone, PartialEq)]
pub struct MonthForecast {
    /// The first day of the month.
    pub first: Day,
    /// Costs of the known days.
    pub actual: f64,
    /// Fees, tax and credits of the days after the last known one.
    pub scheduled: Decimal,
    /// Usage of the days after the last known one, and of unknown days before it.
    pub remainder: Decimal,
    /// Intervals of the total, in the order of the levels. Empty if no past error is known.
    pub intervals: Vec<CostInterval>,
    /// The model, or the reason why there is no error.
    pub method: String,
    /// Errors of past forecasts; `None` if there are none.
    pub error: Option<ForecastError>,
}

/// An interval of a month's total.
#[derive(Debug, Clone, PartialEq)]
pub struct CostInterval {
    /// The share of months within such an interval.
    pub level: f64,
    /// Lower end. Without a negative cost on a known day it is at least the actual cost, because
    /// later usage costs nothing at least.
    pub lower: Decimal,
    /// Upper end.
    pub upper: Decimal,
}

/// Errors of a group's past forecasts at the same number of days before the end of the month, in
/// percent of the month's cost. For each past month the model was chosen on the months before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForecastError {
    /// Median error.
    pub percent: f64,
    /// 90th percentile.
    pub percent_p90: f64,
    /// The number of past months.
    pub origins: usize,
    /// Median error of the run-rate in the same months.
    pub plain_percent: f64,
}

/// The forecast of a group's day.
#[derive(Debug, Clone, PartialEq)]
pub struct DayForecast {
    /// The day.
    pub day: Day,
    /// Fees, tax and credits.
    pub scheduled: Decimal,
    /// Usage.
    pub remainder: Decimal,
}

impl CostForecast {
    /// Forecasts each leaf from the days until `through` alone.
    pub fn new(leaves: &[CostLeaf], settings: &ForecastSettings) -> CostForecast {
        let span = ForecastSpan { through: settings.through, months: settings.months.max(1) };
        let costs: Vec<DailyCosts> = leaves.iter().map(|leaf| leaf.costs.before(span.through + 1)).collect();
        let past_months = past_months(&costs, span.month(0));
        let leaves: Vec<LeafForecast> =
            leaves.iter().map(|leaf| LeafForecast::of(leaf, &span, &past_months)).collect();
        let pool = |ahead| {
            let mut pool = RatioPool::default();
            leaves.iter().for_each(|leaf| pool.add(&relative_errors(&leaf.past, ahead)));
            pool
        };
        let pools = (0..span.months).map(pool).collect();
        CostForecast { span, levels: settings.levels.clone(), costs, leaves, past_months, pools }
    }

    /// Adds up groups. A leaf that is given in parts is split among the parts of all groups, so
    /// all of its parts have to be in the same call.
    pub fn groups(&self, groups: &[LeafGroup]) -> Vec<GroupForecast> {
        let mut parts_of_leaf: BTreeMap<usize, Vec<&DailyCosts>> = BTreeMap::new();
        for part in groups.iter().flat_map(|group| &group.parts) {
            if let Some(costs) = &part.costs {
                parts_of_leaf.entry(part.leaf).or_default().push(costs);
            }
        }
        let mut forecasts: BTreeMap<usize, VecDeque<PartForecast>> =
            parts_of_leaf.iter().map(|(leaf, parts)| (*leaf, self.split_leaf(*leaf, parts).into())).collect();
        let mut part_forecast = |part: &LeafPart| match &part.costs {
            None => Some(self.whole_leaf(part.leaf)),
            Some(_) => forecasts.get_mut(&part.leaf).and_then(VecDeque::pop_front),
        };
        let sum = |group: &LeafGroup| {
            let mut sum = PartForecast::zero(&self.span, self.past_months.len());
            group.parts.iter().filter_map(&mut part_forecast).for_each(|part| sum.add(&part));
            self.group(&sum, self.method(group))
        };
        groups.iter().map(sum).collect()
    }

    fn whole_leaf(&self, leaf: usize) -> PartForecast {
        let forecast = &self.leaves[leaf];
        PartForecast {
            scheduled: forecast.scheduled.iter().copied().map(to_micros).collect(),
            remainder: forecast.remainder.iter().copied().map(to_micros).collect(),
            now: PastForecast::of_costs(&self.costs[leaf], &self.span, self.span.through),
            past: forecast.past.clone(),
            has_negative_cost: has_negative_cost(&self.costs[leaf]),
        }
    }

    /// Splits a leaf's forecast by the shares of its parts in the last 28 days.
    fn split_leaf(&self, leaf: usize, parts: &[&DailyCosts]) -> Vec<PartForecast> {
        let whole = self.whole_leaf(leaf);
        let weights = recent_weights(parts, self.span.through);
        let split_days = |days: &[i128]| -> Vec<Vec<i128>> {
            days.iter().map(|amount| split(*amount, &weights)).collect()
        };
        let (scheduled, remainder) = (split_days(&whole.scheduled), split_days(&whole.remainder));
        let of_part = |(index, costs): (usize, &&DailyCosts)| PartForecast {
            scheduled: scheduled.iter().map(|day| day[index]).collect(),
            remainder: remainder.iter().map(|day| day[index]).collect(),
            now: PastForecast::of_costs(costs, &self.span, self.span.through),
            past: self.past_of_part(index, parts, &whole.past),
            has_negative_cost: has_negative_cost(costs),
        };
        parts.iter().enumerate().map(of_part).collect()
    }

    /// The past forecasts of a part: the leaf's, by the shares at each origin.
    fn past_of_part(
        &self,
        index: usize,
        parts: &[&DailyCosts],
        whole: &[Option<PastForecast>],
    ) -> Vec<Option<PastForecast>> {
        let at_month = |(month, whole): (&Day, &Option<PastForecast>)| {
            let whole = whole.as_ref()?;
            let span = self.span.at_month(*month);
            let weights = recent_weights(parts, span.through);
            let sum: f64 = weights.iter().sum();
            let share = match (sum > 0.0, index) {
                (true, _) => weights[index] / sum,
                (false, 0) => 1.0,
                (false, _) => 0.0,
            };
            let mut past = PastForecast::of_costs(parts[index], &span, self.span.through);
            past.forecast = whole.forecast.iter().map(|amount| amount * share).collect();
            Some(past)
        };
        self.past_months.iter().zip(whole).map(at_month).collect()
    }

    /// The method of the largest part of the remainder.
    fn method(&self, group: &LeafGroup) -> String {
        let mut sizes: BTreeMap<&str, f64> = BTreeMap::new();
        for part in &group.parts {
            let leaf = &self.leaves[part.leaf];
            let size: f64 = leaf.remainder.iter().chain(&leaf.scheduled).map(|cost| cost.abs()).sum();
            *sizes.entry(&leaf.method).or_default() += size;
        }
        let main = sizes.iter().max_by(|a, b| a.1.total_cmp(b.1)).map(|(method, _)| *method);
        match (main, sizes.len()) {
            (None, _) => "none".into(),
            (Some(method), 1) => method.into(),
            (Some(method), _) => format!("mostly {method}"),
        }
    }

    fn group(&self, sum: &PartForecast, method: String) -> GroupForecast {
        let month = |ahead| {
            let days = self.span.days_of_month(ahead);
            let scheduled: i128 = sum.scheduled[days.clone()].iter().sum();
            let remainder: i128 = sum.remainder[days].iter().sum();
            let actual = if ahead == 0 { sum.now.so_far } else { 0.0 };
            MonthForecast {
                first: self.span.month(ahead),
                actual,
                scheduled: from_micros(scheduled),
                remainder: from_micros(remainder),
                intervals: self.intervals(to_micros(actual), scheduled + remainder, sum, ahead),
                method: method.clone(),
                error: if ahead == 0 { forecast_error(&sum.past) } else { None },
            }
        };
        let day = |index: usize| DayForecast {
            day: self.span.month(0) + index as i32,
            scheduled: from_micros(sum.scheduled[index]),
            remainder: from_micros(sum.remainder[index]),
        };
        GroupForecast {
            months: (0..self.span.months).map(month).collect(),
            days: (0..self.span.days()).map(day).collect(),
        }
    }

    /// The intervals of a month's total: the actual cost and the forecast of the other days. Where
    /// no error so many months ahead is known, the width grows with the square root of the months.
    fn intervals(&self, actual: i128, forecast: i128, sum: &PartForecast, ahead: usize) -> Vec<CostInterval> {
        let known = (0..=ahead).rev().find_map(|month| {
            let errors = relative_errors(&sum.past, month);
            (!errors.is_empty()).then(|| (month, mean(&errors)))
        });
        let Some((month, scale)) = known else { return Vec::new() };
        let growth = ((ahead + 1) as f64 / (month + 1) as f64).sqrt();
        let total = actual + forecast;
        let least = if sum.has_negative_cost { i128::MIN } else { actual.min(total) };
        let interval = |level: &f64| {
            let half = to_micros(self.pools[month].factor(*level) * scale * growth * sum.now.base);
            let lower = from_micros((total - half).max(least));
            CostInterval { level: *level, lower, upper: from_micros(total + half) }
        };
        self.levels.iter().map(interval).collect()
    }
}

/// Forecast and past forecasts of a part of a group, or of the whole group.
struct PartForecast {
    /// By day from the start of the current month, in micro-units.
    scheduled: Vec<i128>,
    remainder: Vec<i128>,
    now: PastForecast,
    past: Vec<Option<PastForecast>>,
    has_negative_cost: bool,
}

impl PartForecast {
    fn zero(span: &ForecastSpan, past_months: usize) -> PartForecast {
        PartForecast {
            scheduled: vec![0; span.days()],
            remainder: vec![0; span.days()],
            now: PastForecast::zero(span.months),
            past: vec![Some(PastForecast::zero(span.months)); past_months],
            has_negative_cost: false,
        }
    }

    fn add(&mut self, part: &PartForecast) {
        for (sum, amount) in self.scheduled.iter_mut().zip(&part.scheduled) {
            *sum += amount;
        }
        for (sum, amount) in self.remainder.iter_mut().zip(&part.remainder) {
            *sum += amount;
        }
        self.now.add(&part.now);
        self.has_negative_cost |= part.has_negative_cost;
        for (sum, past) in self.past.iter_mut().zip(&part.past) {
            match (sum.as_mut(), past) {
                (Some(sum), Some(past)) => sum.add(past),
                _ => *sum = None,
            }
        }
    }
}

/// Whether the cost of a known day is negative, as credits and refunds are.
fn has_negative_cost(costs: &DailyCosts) -> bool {
    costs.values.iter().flatten().any(|cost| *cost < 0.0)
}

/// The months from the first known day until before the current one.
fn past_months(costs: &[DailyCosts], current: Day) -> Vec<Day> {
    let mut month = costs.iter().map(|costs| costs.first.month_start()).min().unwrap_or(current);
    let mut months = Vec::new();
    while month < current {
        months.push(month);
        month = month.next_month();
    }
    months
}

/// Sums of the last 28 days, or of all days if these are 0; negative sums count as 0.
fn recent_weights(parts: &[&DailyCosts], through: Day) -> Vec<f64> {
    let sum = |costs: &&DailyCosts, days: i32| -> f64 {
        (0..days).filter_map(|ago| costs.on(through - ago)).sum::<f64>().max(0.0)
    };
    let recent: Vec<f64> = parts.iter().map(|costs| sum(costs, 28)).collect();
    if recent.iter().any(|weight| *weight > 0.0) {
        return recent;
    }
    parts.iter().map(|costs| sum(costs, (through + 1 - costs.first).max(0))).collect()
}

/// Sizes of the newest errors about the month `ahead` months after each origin, in the origin's
/// base.
fn relative_errors(past: &[Option<PastForecast>], ahead: usize) -> Vec<f64> {
    let error = |past: &PastForecast| {
        let actual = past.actual[ahead]?;
        (past.base > 0.0).then(|| (past.forecast[ahead] - actual).abs() / past.base)
    };
    let mut errors: Vec<f64> = past.iter().flatten().filter_map(error).collect();
    errors.drain(..errors.len().saturating_sub(INTERVAL_MONTHS));
    errors
}

fn forecast_error(past: &[Option<PastForecast>]) -> Option<ForecastError> {
    let of_month = |past: &PastForecast| {
        let actual = past.actual[0]?;
        let total = (past.so_far + actual).abs();
        let percent = |forecast: f64| (forecast - actual).abs() / total * 100.0;
        (total > 0.0).then(|| (percent(past.forecast[0]), percent(past.plain)))
    };
    let (mut errors, mut plain): (Vec<f64>, Vec<f64>) = past.iter().flatten().filter_map(of_month).unzip();
    (!errors.is_empty()).then(|| ForecastError {
        percent: median(&mut errors),
        percent_p90: quantile(&mut errors, 0.9),
        origins: errors.len(),
        plain_percent: median(&mut plain),
    })
}
