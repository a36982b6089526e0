//! Forecasts of one leaf: now, and at the same number of days before each past month's end.

use std::ops::Range;

use crate::candidates::{CANDIDATES, Candidate};
use crate::history::CostHistory;
use crate::numbers::mean;
use crate::schedule::{FeeSplit, scheduled_days};
use crate::selection::{ModelChoice, choose};
use crate::{ChargeKind, CostLeaf, DailyCosts, Day};

/// Days of history below which the run-rate is the only model.
pub(crate) const LEAST_HISTORY: usize = 14;

/// The months that a forecast covers, and the days left in the first of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForecastSpan {
    /// The last known day.
    pub(crate) through: Day,
    /// The number of months, the current one included.
    pub(crate) months: usize,
}

impl ForecastSpan {
    /// The first day of the month `ahead` months after the current one.
    pub(crate) fn month(&self, ahead: usize) -> Day {
        (0..ahead).fold((self.through + 1).month_start(), |month, _| month.next_month())
    }

    /// The day after the last month.
    pub(crate) fn end(&self) -> Day {
        self.month(self.months)
    }

    /// All days of the months.
    pub(crate) fn days(&self) -> usize {
        (self.end() - self.month(0)) as usize
    }

    /// Known days of the current month, if none is missing.
    pub(crate) fn elapsed(&self) -> usize {
        (self.through + 1 - self.month(0)) as usize
    }

    /// The places of a month's days among all days.
    pub(crate) fn days_of_month(&self, ahead: usize) -> Range<usize> {
        let place = |day: Day| (day - self.month(0)) as usize;
        place(self.month(ahead))..place(self.month(ahead + 1))
    }

    /// Days left in the current month.
    pub(crate) fn days_left(&self) -> i32 {
        self.month(1) - self.through - 1
    }

    /// The same span as it was as many days before the end of a past month.
    pub(crate) fn at_month(&self, month: Day) -> ForecastSpan {
        let end = month.next_month();
        ForecastSpan { through: (end - 1 - self.days_left()).max(month - 1), months: self.months }
    }

    /// Sums of all days by month.
    pub(crate) fn by_month(&self, days: &[f64]) -> Vec<f64> {
        (0..self.months).map(|ahead| days[self.days_of_month(ahead)].iter().sum()).collect()
    }
}

/// The candidates' forecasts at one origin, by day from the start of the current month. Known days
/// have 0.
struct OriginForecasts {
    /// By candidate, without the schedule.
    paths: Vec<Vec<f64>>,
    scheduled: Vec<f64>,
    history_days: usize,
}

impl OriginForecasts {
    fn at(leaf: &CostLeaf, span: &ForecastSpan) -> OriginForecasts {
        let mut scheduled = vec![0.0; span.elapsed()];
        scheduled.extend(scheduled_days(leaf.kind, &leaf.costs, span.through, span.end()));
        let mut usage = leaf.costs.before(span.through + 1);
        if leaf.kind == ChargeKind::Uncategorised {
            let fees = FeeSplit::of(&leaf.costs, span.through);
            for (index, amount) in scheduled.iter_mut().enumerate().skip(span.elapsed()) {
                let day = span.month(0) + index as i32;
                *amount += if day == day.month_start() { fees.next(span.through) } else { 0.0 };
            }
            usage = fees.usage;
        }
        if !leaf.is_modelled() {
            return OriginForecasts { paths: vec![vec![0.0; span.days()]], scheduled, history_days: 0 };
        }
        let history = CostHistory::prepare(&usage, span.through);
        let missing = |index: usize| {
            let day = span.month(0) + index as i32;
            if usage.on(day).is_some() { 0.0 } else { history.on(day) }
        };
        let missing: Vec<f64> = (0..span.elapsed()).map(missing).collect();
        let run_rate = run_rate(&usage, span.through);
        let history_days = history.values.len();
        let path = |candidate: &Candidate| {
            let count = span.days() - span.elapsed();
            let days = match history_days {
                0 => vec![0.0; count],
                1..LEAST_HISTORY => Candidate::RunRate.path(&history, run_rate, count),
                _ => candidate.path(&history, run_rate, count),
            };
            missing.iter().copied().chain(days).collect()
        };
        OriginForecasts { paths: CANDIDATES.iter().map(path).collect(), scheduled, history_days }
    }
}

impl CostLeaf {
    /// Whether models forecast the leaf; otherwise a schedule alone does.
    pub(crate) fn is_modelled(&self) -> bool {
        matches!(self.kind, ChargeKind::Usage | ChargeKind::Uncategorised)
    }
}

/// The mean cost of the elapsed days of the month, or of the month before if none has elapsed.
pub(crate) fn run_rate(costs: &DailyCosts, through: Day) -> f64 {
    let month = (through + 1).month_start();
    let month = if month > through { (month - 1).month_start() } else { month };
    let known: Vec<f64> = (0..=through - month).filter_map(|i| costs.on(month + i)).collect();
    mean(&known)
}

/// A forecast made at a past origin, and the costs that followed. Amounts are of the days after the
/// origin, by month.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PastForecast {
    /// Known cost of the current month at the origin.
    pub(crate) so_far: f64,
    pub(crate) forecast: Vec<f64>,
    /// `None` for a month that is not wholly known.
    pub(crate) actual: Vec<Option<f64>>,
    /// The run-rate's forecast of the current month.
    pub(crate) plain: f64,
    /// The size of errors is measured in this amount: the cost of the days left at the level of
    /// the last 28 days.
    pub(crate) base: f64,
}

impl PastForecast {
    /// The costs known at an origin and after it, without a forecast.
    pub(crate) fn of_costs(costs: &DailyCosts, span: &ForecastSpan, known: Day) -> PastForecast {
        let month = span.month(0);
        let left = f64::from(span.days_left());
        let so_far = (0..=span.through - month).filter_map(|i| costs.on(month + i)).sum();
        let actual = (0..span.months).map(|ahead| {
            let (start, end) = (span.month(ahead).max(span.through + 1), span.month(ahead + 1));
            if end > known + 1 {
                return None;
            }
            (0..end - start).map(|i| costs.on(start + i)).sum()
        });
        let recent = (0..28).filter_map(|ago| costs.on(span.through - ago)).map(f64::abs).sum::<f64>();
        PastForecast {
            so_far,
            forecast: vec![0.0; span.months],
            actual: actual.collect(),
            plain: run_rate(costs, span.through) * left,
            base: recent / 28.0 * left,
        }
    }

    /// The sum of no parts.
    pub(crate) fn zero(months: usize) -> PastForecast {
        let (forecast, actual) = (vec![0.0; months], vec![Some(0.0); months]);
        PastForecast { so_far: 0.0, forecast, actual, plain: 0.0, base: 0.0 }
    }

    /// Adds the amounts of another part of the same group.
    pub(crate) fn add(&mut self, part: &PastForecast) {
        self.so_far += part.so_far;
        self.plain += part.plain;
        self.base += part.base;
        for (sum, amount) in self.forecast.iter_mut().zip(&part.forecast) {
            *sum += amount;
        }
        for (sum, amount) in self.actual.iter_mut().zip(&part.actual) {
            *sum = sum.zip(*amount).map(|(sum, amount)| sum + amount);
        }
    }
}

/// The forecast of a leaf.
#[derive(Debug, Clone)]
pub(crate) struct LeafForecast {
    /// By day from the start of the current month; with the plans, without the schedule.
    pub(crate) remainder: Vec<f64>,
    pub(crate) scheduled: Vec<f64>,
    pub(crate) method: String,
    /// By past month, oldest first; `None` where a day of the month or the choice is unknown.
    pub(crate) past: Vec<Option<PastForecast>>,
}

impl LeafForecast {
    /// Forecasts a leaf, and repeats the forecast at the past `months`.
    pub(crate) fn of(leaf: &CostLeaf, span: &ForecastSpan, months: &[Day]) -> LeafForecast {
        // The errors of the months before the one that is forecast. The choice sees no others.
        let mut errors: Vec<Vec<f64>> = Vec::new();
        let mut known_months = 0;
        let mut past = Vec::with_capacity(months.len());
        for month in months {
            let Some(origin) = PastOrigin::at(leaf, span, *month) else {
                past.push(None);
                continue;
            };
            let is_scored = known_months > 0 || !leaf.is_modelled();
            let forecast = choose(&errors).blend(&origin.by_month);
            known_months += 1;
            errors.extend(origin.errors());
            past.push(is_scored.then_some(PastForecast { forecast, ..origin.costs }));
        }
        let choice = choose(&errors);
        let now = OriginForecasts::at(leaf, span);
        let mut remainder = choice.blend(&now.paths);
        for plan in &leaf.plans {
            for (index, cost) in remainder.iter_mut().enumerate().skip(span.elapsed()) {
                *cost += plan.on(span.month(0) + index as i32);
            }
        }
        let method = method(leaf, &now, &choice, known_months);
        LeafForecast { remainder, method, scheduled: now.scheduled, past }
    }
}

/// The name of the method, with the reason why it has no error or no interval.
fn method(leaf: &CostLeaf, now: &OriginForecasts, choice: &ModelChoice, months: usize) -> String {
    match (leaf.is_modelled(), now.history_days) {
        (false, _) => "schedule".into(),
        (true, 0) => "no charge yet".into(),
        (true, 1..LEAST_HISTORY) => format!("run-rate (under {LEAST_HISTORY} days)"),
        (true, _) if months < 2 => format!("{} (under two months, no error known)", choice.name()),
        (true, _) => choice.name().into(),
    }
}

/// The candidates' forecasts at a past origin.
struct PastOrigin {
    /// The costs known then, and those that followed.
    costs: PastForecast,
    /// By candidate, the days after the origin by month, with the schedule.
    by_month: Vec<Vec<f64>>,
    history_days: usize,
}

impl PastOrigin {
    /// `None` if the month is not wholly known.
    fn at(leaf: &CostLeaf, now: &ForecastSpan, month: Day) -> Option<PastOrigin> {
        let span = now.at_month(month);
        (0..month.next_month() - month).try_for_each(|i| leaf.costs.on(month + i).map(drop))?;
        let costs = PastForecast::of_costs(&leaf.costs, &span, now.through);
        let forecasts = OriginForecasts::at(leaf, &span);
        let scheduled = span.by_month(&forecasts.scheduled);
        let with_schedule = |path: &Vec<f64>| {
            span.by_month(path).iter().zip(&scheduled).map(|(path, fee)| path + fee).collect()
        };
        let by_month = forecasts.paths.iter().map(with_schedule).collect();
        Some(PastOrigin { costs, by_month, history_days: forecasts.history_days })
    }

    /// The error of each candidate about the rest of the month. `None` if the history was so short
    /// that all candidates were the run-rate, because equal errors say nothing about the best one.
    fn errors(&self) -> Option<Vec<f64>> {
        let actual = self.costs.actual[0].unwrap_or(0.0);
        let errors = || self.by_month.iter().map(|months| (months[0] - actual).abs()).collect();
        (self.history_days >= LEAST_HISTORY).then(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::{CANDIDATES, ForecastSpan, OriginForecasts};
    use crate::{ChargeKind, CostLeaf, DailyCosts, Day};

    /// The run-rate takes the costs as they are. The other candidates clip a fee as an outlier.
    #[test]
    fn no_candidate_repeats_a_fee_that_the_schedule_counts() {
        let (first, through) = (Day::of_date(2023, 1, 1), Day::of_date(2023, 6, 3));
        let cost = |day: Day| Some(if day == day.month_start() { 130.0 } else { 10.0 });
        let values = (0..=through - first).map(|index| cost(first + index)).collect();
        let costs = DailyCosts { first, values };
        let leaf = CostLeaf { kind: ChargeKind::Uncategorised, costs, plans: Vec::new() };
        let span = ForecastSpan { through, months: 2 };
        let found = OriginForecasts::at(&leaf, &span);
        assert_eq!(span.by_month(&found.scheduled), [0.0, 120.0]);
        for (candidate, path) in CANDIDATES.iter().zip(&found.paths) {
            let usage = span.by_month(path);
            let near = |found: f64, expected: f64| (found - expected).abs() < 0.1;
            assert!(near(usage[0], 270.0) && near(usage[1], 310.0), "{}: {usage:?}", candidate.name());
        }
    }
}
