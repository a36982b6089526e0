//! The expected cost of a day, from the days before it.

use std::collections::VecDeque;

use crate::Day;
use crate::numbers::median;

/// Days whose median is the level.
const LEVEL_DAYS: usize = 7;

/// The part of the last day's distance from the median level that persists on the next day.
const PERSISTENCE: f64 = 0.6;

/// Weeks whose median is a weekday's factor.
const FACTOR_WEEKS: usize = 16;

/// Weeks without which a weekday has no factor of its own.
const FEWEST_WEEKS: usize = 3;

/// Days whose deviations are the scale of the next one.
const SCALE_DAYS: usize = 56;

/// Days without which a day is not judged: then each weekday has three ratios, and one odd day
/// decides none of them.
pub(crate) const FEWEST_DAYS: usize = 28;

/// The least scale, as a part of the expected cost.
const LEAST_SCALE: f64 = 0.02;

/// The least scale, in the currency's unit.
const LEAST_AMOUNT: f64 = 1.0;

/// A weekday below this part of the level says nothing about the level.
const LEAST_FACTOR: f64 = 0.25;

/// From the median of the deviations' sizes to a standard deviation of normal deviations.
pub(crate) const MAD_TO_SD: f64 = 1.4826;

/// The expected cost of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayExpectation {
    /// The level × the weekday's factor, and the expected fee.
    pub cost: f64,
    /// The usual deviation, in the currency's unit; the unit of a score.
    pub scale: f64,
    /// The cost of an average day of the week.
    pub level: f64,
    /// The fee that is expected on this day.
    pub fee: f64,
}

/// The memory of a series: everything that the expectation of the next day needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesMemory {
    /// Number of known days.
    days: usize,
    /// Usage of the last seven days, with the expected usage on unusual days. `None` is unknown.
    week: VecDeque<Option<f64>>,
    /// Ratios of past days to their weeks, for each weekday.
    ratios: [VecDeque<f64>; 7],
    /// Usage without the weekday's factor, since the level was last reset.
    levels: VecDeque<f64>,
    /// Sizes of past deviations, as parts of the expected cost.
    deviations: VecDeque<f64>,
    /// What the last two first days of a month cost beyond the expected usage.
    fees: VecDeque<f64>,
}

impl SeriesMemory {
    /// The expectation of a day; `None` if too few days are known. `learns_fees`: an excess on the
    /// first day of two months is a fee from then on.
    pub(crate) fn expectation(&self, day: Day, learns_fees: bool) -> Option<DayExpectation> {
        if self.days < FEWEST_DAYS {
            return None;
        }
        let level = self.level()?;
        let fee = if learns_fees { self.fee(day, level) } else { 0.0 };
        let cost = level * self.factor(day.weekday()) + fee;
        let deviation = MAD_TO_SD * median_of(&self.deviations);
        let scale = (cost.abs() * deviation.max(LEAST_SCALE)).max(LEAST_AMOUNT);
        Some(DayExpectation { cost, scale, level, fee })
    }

    /// Adds a day with its known cost. On a day that is not usual the expected usage stands for it,
    /// so that an anomaly does not become the expectation.
    pub(crate) fn add(&mut self, day: Day, cost: f64, expected: Option<DayExpectation>, is_usual: bool) {
        self.days += 1;
        let Some(expected) = expected else { return self.learn_usage(day, cost) };
        let usage = expected.cost - expected.fee;
        if day == day.month_start() {
            push(&mut self.fees, cost - usage, 2);
        }
        let base = expected.cost.abs().max(LEAST_SCALE * expected.level);
        if base > 0.0 {
            push(&mut self.deviations, (cost - expected.cost).abs() / base, SCALE_DAYS);
        }
        if is_usual {
            return self.learn_usage(day, cost - expected.fee);
        }
        push(&mut self.week, Some(usage), 7);
        // The weekday's factor learns from unusual days too, or it could never change.
        self.learn_factor(day, cost - expected.fee, usage);
    }

    /// Adds a day without a known cost.
    pub(crate) fn add_unknown(&mut self) {
        push(&mut self.week, None, 7);
    }

    /// Forgets the level, and learns it from the usage of these days.
    pub(crate) fn reset_level(&mut self, days: impl Iterator<Item = (Day, f64)>) {
        self.levels.clear();
        self.week.clear();
        for (day, usage) in days {
            self.learn_usage(day, usage);
        }
    }

    /// The median level, and the part of the last day's distance from it that persists.
    fn level(&self) -> Option<f64> {
        let last = *self.levels.back()?;
        let median = median_of(&self.levels);
        Some(median + PERSISTENCE * (last - median))
    }

    fn factor(&self, weekday: usize) -> f64 {
        let ratios = &self.ratios[weekday];
        if ratios.len() < FEWEST_WEEKS { 1.0 } else { median_of(ratios) }
    }

    /// The last excess, if the last two months began with more than a usual day's cost too much.
    fn fee(&self, day: Day, level: f64) -> f64 {
        let is_due = day == day.month_start() && self.fees.len() == 2;
        if is_due && self.fees.iter().all(|excess| *excess > level) { self.fees[1] } else { 0.0 }
    }

    fn learn_usage(&mut self, day: Day, usage: f64) {
        let factor = self.factor(day.weekday());
        if factor >= LEAST_FACTOR {
            push(&mut self.levels, usage / factor, LEVEL_DAYS);
        }
        push(&mut self.week, Some(usage), 7);
        self.learn_factor(day, usage, usage);
    }

    /// Learns the ratio of a day's usage to the week that it ends, in which `usual` stands for it.
    fn learn_factor(&mut self, day: Day, usage: f64, usual: f64) {
        let known: Vec<f64> = self.week.iter().copied().flatten().collect();
        let sum = known.iter().sum::<f64>() + usage - usual;
        if known.len() == 7 && sum > 0.0 {
            push(&mut self.ratios[day.weekday()], 7.0 * usage / sum, FACTOR_WEEKS);
        }
    }
}

fn median_of(values: &VecDeque<f64>) -> f64 {
    median(&mut values.iter().copied().collect::<Vec<f64>>())
}

/// Appends a value, and drops the oldest if there are more than `most`.
fn push<T>(values: &mut VecDeque<T>, value: T, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}
