//! The part of a series that models learn from: gaps filled, single days clipped, older levels
//! brought to the newest one.

use crate::numbers::{mean, median};
use crate::{DailyCosts, Day};

/// Days with which the level of a day is compared on each side.
const NEAR_DAYS: usize = 7;

/// Deviations of the usual size beyond which a day is an outlier, or a level has changed.
const OUTLIER: f64 = 6.0;

/// The least deviation that counts, as a share of the level.
const LEAST_SHARE: f64 = 0.02;

/// A share of the level by which the level at least changes in a step.
const LEAST_STEP: f64 = 0.12;

/// Days that confirm a new level.
const STEP_DAYS: usize = 4;

/// A prepared history that ends on the last known day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CostHistory {
    /// The first day of `values`.
    pub(crate) first: Day,
    /// One cost a day. It begins with the first charge.
    pub(crate) values: Vec<f64>,
    /// Factor of each weekday, Monday first; their mean is 1.
    pub(crate) factors: [f64; 7],
    /// Whether no cost is negative.
    pub(crate) is_positive: bool,
}

impl CostHistory {
    /// Prepares the days until `through` alone.
    pub(crate) fn prepare(costs: &DailyCosts, through: Day) -> CostHistory {
        let known = costs.before(through + 1);
        let mut values = filled(&known, through);
        let start = values.iter().position(|value| *value != 0.0).unwrap_or(values.len());
        values.drain(..start);
        let first = through + 1 - values.len() as i32;
        let mut history =
            CostHistory { first, is_positive: values.iter().all(|v| *v >= 0.0), values, factors: [1.0; 7] };
        history.factors = history.weekday_factors();
        history.clip_outliers();
        history.factors = history.weekday_factors();
        history.raise_older_levels();
        history
    }

    /// The prepared cost of a day; 0 before the first charge.
    pub(crate) fn on(&self, day: Day) -> f64 {
        let index = usize::try_from(day - self.first).ok();
        index.and_then(|index| self.values.get(index)).copied().unwrap_or(0.0)
    }

    /// The weekday of the value with this index.
    fn weekday(&self, index: usize) -> usize {
        (self.first + index as i32).weekday()
    }

    /// The factor of the weekday of the value with this index, which may lie in the future.
    pub(crate) fn factor(&self, index: usize) -> f64 {
        self.factors[self.weekday(index)]
    }

    /// The values without the pattern of the week.
    pub(crate) fn deseasonalised(&self) -> Vec<f64> {
        self.values.iter().enumerate().map(|(i, value)| value / self.factor(i)).collect()
    }

    /// The median ratio of each weekday to the mean of the 7 days around it, over the last 12
    /// weeks. Factors are at least 0.01.
    fn weekday_factors(&self) -> [f64; 7] {
        let count = self.values.len();
        let mut ratios: [Vec<f64>; 7] = Default::default();
        for index in count.saturating_sub(84).max(3)..count.saturating_sub(3) {
            let around = mean(&self.values[index - 3..=index + 3]);
            if around > 0.0 {
                ratios[self.weekday(index)].push(self.values[index] / around);
            }
        }
        if ratios.iter().any(|of_day| of_day.len() < 2) {
            return [1.0; 7];
        }
        let factors = ratios.map(|mut of_day| median(&mut of_day).max(0.01));
        let sum: f64 = factors.iter().sum();
        factors.map(|factor| factor * 7.0 / sum)
    }

    /// Replaces single days that differ from the days around them.
    fn clip_outliers(&mut self) {
        let plain = self.deseasonalised();
        let count = plain.len();
        let mut levels = Vec::with_capacity(count);
        for index in 0..count {
            let from = index.saturating_sub(NEAR_DAYS / 2);
            let to = (index + NEAR_DAYS / 2 + 1).min(count);
            let from = from.min(to.saturating_sub(NEAR_DAYS));
            levels.push(median(&mut plain[from..to].to_vec()));
        }
        let excess: Vec<f64> = plain.iter().zip(&levels).map(|(value, level)| value - level).collect();
        for index in 0..count {
            let from = index.saturating_sub(56);
            let to = (index + 56).min(count);
            let mut sizes: Vec<f64> = excess[from..to].iter().map(|e| e.abs()).collect();
            let usual = (1.4826 * median(&mut sizes)).max(LEAST_SHARE * levels[index].abs());
            let is_far = |at: usize| excess[at].abs() > OUTLIER * usual;
            let alone = (index == 0 || !is_far(index - 1)) && (index + 1 >= count || !is_far(index + 1));
            if is_far(index) && alone && count > 14 {
                self.values[index] = levels[index] * self.factor(index);
            }
        }
    }

    /// Scales the days before a step, so that their level is the one after it.
    fn raise_older_levels(&mut self) {
        let mut plain = self.deseasonalised();
        let count = plain.len();
        if count < 4 * NEAR_DAYS {
            return;
        }
        let mut steps: Vec<f64> = plain.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
        let noise = median(&mut steps);
        let mut index = count - STEP_DAYS;
        while index > NEAR_DAYS {
            let before = median(&mut plain[index - NEAR_DAYS..index].to_vec());
            let after = median(&mut plain[index..(index + NEAR_DAYS).min(count)].to_vec());
            let size = (after - before).abs();
            let jump = (plain[index] - plain[index - 1]).abs();
            let is_step = size > LEAST_STEP * before.min(after)
                && size > 2.5 * noise
                && jump > 0.6 * size
                && before > 0.0
                && after > 0.0
                && after / before < 8.0
                && before / after < 8.0;
            if is_step {
                let ratio = after / before;
                for earlier in 0..index {
                    plain[earlier] *= ratio;
                    self.values[earlier] *= ratio;
                }
                index = index.saturating_sub(NEAR_DAYS - 1);
            }
            index -= 1;
        }
    }
}

/// The values until `through`. An unknown day takes the value a week before it, else the value of
/// the next known day.
fn filled(costs: &DailyCosts, through: Day) -> Vec<f64> {
    let count = usize::try_from(through + 1 - costs.first).unwrap_or(0);
    let mut values: Vec<f64> = Vec::with_capacity(count);
    for index in 0..count {
        let known = costs.values.get(index).copied().flatten();
        let next = || costs.values.iter().skip(index).find_map(|value| *value);
        let before = || index.checked_sub(7).map(|i| values[i]);
        values.push(known.or_else(before).or_else(next).unwrap_or(0.0));
    }
    values
}
