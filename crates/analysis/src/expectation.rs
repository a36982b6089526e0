//! The expected cost of a day, from the days before it.

use std::collections::VecDeque;

use crate::Day;

/// Days whose median is the level. Short, because a cost wanders from week to week.
const LEVEL_DAYS: usize = 7;

/// Weeks whose median is a weekday's factor.
const FACTOR_WEEKS: usize = 16;

/// Weeks without which a weekday has no factor of its own.
const FEWEST_WEEKS: usize = 2;

/// Days whose deviations are the scale of the next one.
const SCALE_DAYS: usize = 56;

/// Days without which a day is not judged.
const FEWEST_DAYS: usize = 21;

/// The least scale, as a part of the level.
const LEAST_SCALE: f64 = 0.02;

/// The least scale, in the currency's unit.
const LEAST_AMOUNT: f64 = 1.0;

/// A weekday below this part of the level says nothing about the level.
const LEAST_FACTOR: f64 = 0.25;

/// The part of a day's distance from the median level that is still there on the next day.
const PERSISTENCE: f64 = 0.6;

/// From the median of the deviations' sizes to a standard deviation of normal deviations.
const MAD_TO_SD: f64 = 1.4826;

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
    /// Costs of the last seven days without unusual parts.
    week: VecDeque<Option<f64>>,
    /// Ratios of past days to their weeks, for each weekday.
    ratios: [VecDeque<f64>; 7],
    /// Costs without the weekday's factor since the level was last reset.
    levels: VecDeque<f64>,
    /// Sizes of past deviations, as parts of the expected cost.
    deviations: VecDeque<f64>,
    /// Excess of the last first days of months.
    fees: VecDeque<f64>,
    days: usize,
}

impl SeriesMemory {
    /// The expectation of a day; `None` if too few days are known. `learns_fees`: an excess on the
    /// first day of two months is a fee from then on.
    pub(crate) fn expectation(&self, day: Day, learns_fees: bool) -> Option<DayExpectation> {
        if self.days < FEWEST_DAYS {
            return None;
        }
        let factor = self.factor(day.weekday());
        let level = self.level()?;
        let fee = if learns_fees { self.fee(day, level) } else { 0.0 };
        let relative = median(self.deviations.iter().copied()).unwrap_or(0.0) * MAD_TO_SD;
        let scale =
            (relative * (level * factor + fee)).max(LEAST_SCALE * (level * factor + fee)).max(LEAST_AMOUNT);
        Some(DayExpectation { cost: level * factor + fee, scale, level, fee })
    }

    /// The median level, and the part of the last day's distance from it that usually persists.
    fn level(&self) -> Option<f64> {
        let (median, last) = (median(self.levels.iter().copied())?, *self.levels.back()?);
        Some(median + PERSISTENCE * (last - median))
    }

    fn fee(&self, day: Day, level: f64) -> f64 {
        let is_fee = |excess: &f64| *excess > level;
        let is_due = day == day.month_start() && self.fees.len() == 2 && self.fees.iter().all(is_fee);
        if is_due { self.fees[1] } else { 0.0 }
    }

    fn factor(&self, weekday: usize) -> f64 {
        let ratios = &self.ratios[weekday];
        let is_known = ratios.len() >= FEWEST_WEEKS;
        median(ratios.iter().copied()).filter(|_| is_known).unwrap_or(1.0)
    }

    /// Adds a known day. `usual` is false if the day is part of an anomaly: then its expected cost
    /// stands for it.
    pub(crate) fn add(&mut self, day: Day, cost: f64, expected: Option<DayExpectation>, is_usual: bool) {
        self.days += 1;
        let Some(expected) = expected else {
            self.learn_level(day, cost);
            return;
        };
        if day == day.month_start() {
            push(&mut self.fees, cost - (expected.cost - expected.fee), 2);
        }
        let share = (expected.cost).max(LEAST_SCALE * expected.level);
        if share > 0.0 {
            push(&mut self.deviations, ((cost - expected.cost) / share).abs(), SCALE_DAYS);
        }
        if is_usual {
            self.learn_level(day, cost - expected.fee);
        } else {
            // The weekday's factor learns from an unusual day too, or it could never change.
            let usual = expected.cost - expected.fee;
            push(&mut self.week, Some(usual), 7);
            self.learn_factor(day, cost - expected.fee, usual);
        }
    }

    /// Adds a day without a known cost.
    pub(crate) fn add_unknown(&mut self) {
        push(&mut self.week, None, 7);
    }

    /// Forgets the level, and learns it from these days of a new one.
    pub(crate) fn reset(&mut self, days: &[(Day, f64)]) {
        self.levels.clear();
        self.week.clear();
        for (day, cost) in days {
            self.learn_level(*day, *cost);
        }
    }

    fn learn_level(&mut self, day: Day, cost: f64) {
        let factor = self.factor(day.weekday());
        if factor >= LEAST_FACTOR {
            push(&mut self.levels, cost / factor, LEVEL_DAYS);
        }
        push(&mut self.week, Some(cost), 7);
        self.learn_factor(day, cost, cost);
    }

    /// Learns the ratio of a cost to its week, in which `usual` stands for the day.
    fn learn_factor(&mut self, day: Day, cost: f64, usual: f64) {
        let week: Option<Vec<f64>> = self.week.iter().copied().collect();
        let sum = week.filter(|week| week.len() == 7).map(|week| week.iter().sum::<f64>() + cost - usual);
        if let Some(sum) = sum.filter(|sum| *sum > 0.0) {
            push(&mut self.ratios[day.weekday()], 7.0 * cost / sum, FACTOR_WEEKS);
        }
    }
}

fn push<T>(values: &mut VecDeque<T>, value: T, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}

/// The median; `None` without values.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let is_even = values.len() % 2 == 0;
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let below = lower.iter().copied().max_by(f64::total_cmp).filter(|_| is_even);
    Some(below.map_or(upper, |below| (below + upper) / 2.0))
}
