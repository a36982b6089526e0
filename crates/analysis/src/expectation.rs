//! The expected cost of a day, from the days before it.

use std::collections::VecDeque;

use crate::Day;
use crate::numbers::median;
use crate::persistence::LevelPersistence;
use crate::window::MedianWindow;

/// Days of the median that is the level.
const LEVEL_DAYS: usize = 14;

/// Weeks of the median that is a weekday's factor.
const FACTOR_WEEKS: usize = 26;

/// Weeks without which a weekday has no factor of its own.
const FEWEST_WEEKS: usize = 3;

/// Days of the deviations that are the scale of the next day.
const SCALE_DAYS: usize = 56;

/// The most that one deviation counts in their mean, in units of the median size as a standard
/// deviation.
const MOST_DEVIATION: f64 = 2.5;

/// The same for a distance from the level that says how much of it persists.
const MOST_DISTANCE: f64 = 3.0;

/// Days without which a day is not judged: then each weekday has three ratios, and one odd day
/// decides none of them.
pub(crate) const FEWEST_DAYS: usize = 28;

/// The least scale, as a part of the expected cost.
const LEAST_SCALE: f64 = 0.02;

/// The least scale, in the currency's unit.
const LEAST_AMOUNT: f64 = 1.0;

/// A weekday below this part of the level says nothing about the level.
const LEAST_FACTOR: f64 = 0.25;

/// Weekdays differ if their factors do by more than this part.
const UNLIKE_FACTORS: f64 = 0.15;

/// From the median of the deviations' sizes to a standard deviation of normal deviations.
pub(crate) const MAD_TO_SD: f64 = 1.4826;

/// The same from the mean of the sizes.
const MEAN_TO_SD: f64 = 1.2533;

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
    /// The cost if the last step added the same amount to every weekday, while it is not known
    /// whether it multiplied them.
    pub cost_if_added: Option<f64>,
}

impl DayExpectation {
    /// The expectation with the nearer of both costs.
    pub(crate) fn nearest(self, cost: f64) -> DayExpectation {
        match self.cost_if_added {
            Some(added) if (cost - added).abs() < (cost - self.cost).abs() => {
                DayExpectation { cost: added, ..self }
            }
            _ => self,
        }
    }
}

/// The change of a level by a step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LevelShift {
    /// The level before the step.
    before: f64,
    /// The mean difference from the expected usage.
    added: f64,
    /// Days for which the shift is still undecided.
    days_left: usize,
}

impl LevelShift {
    /// The factor of a weekday after the same amount was added to every day.
    fn factor_if_added(&self, factor: f64) -> f64 {
        (factor * self.before + self.added) / (self.before + self.added)
    }
}

/// The memory of a series: everything that the expectation of the next day needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeriesMemory {
    /// Number of known days.
    days: usize,
    /// Usage of the last seven days, with the expected usage on unusual days. `None` is unknown.
    week: VecDeque<Option<f64>>,
    /// Ratios of past days to their weeks, for each weekday.
    ratios: [MedianWindow; 7],
    /// Weekdays and their usage, since the level was last reset.
    levels: VecDeque<(usize, f64)>,
    persistence: LevelPersistence,
    /// The last step, while it is not known whether it added to the weekdays or multiplied them.
    shift: Option<LevelShift>,
    /// Sizes of past deviations, as parts of the expected cost.
    deviations: MedianWindow,
    /// Cost beyond the expected usage on the last two first days of a month.
    fees: VecDeque<f64>,
}

impl SeriesMemory {
    /// The memory of a series that begins with these days.
    pub(crate) fn of_first_days(days: &[(Day, f64, f64)]) -> SeriesMemory {
        let mut memory = SeriesMemory::default();
        days.iter().for_each(|(day, usage, _)| memory.add(*day, *usage, None, true));
        memory
    }

    /// The expectation of a day; `None` if too few days are known. `learns_fees`: an excess on the
    /// first day of two months is a fee from then on.
    pub(crate) fn expectation(&self, day: Day, learns_fees: bool) -> Option<DayExpectation> {
        if self.days < FEWEST_DAYS {
            return None;
        }
        let level = self.level()?;
        let fee = if learns_fees { self.fee(day, level) } else { 0.0 };
        let factor = self.factor(day.weekday());
        let cost = level * factor + fee;
        let scale = (cost.abs() * self.deviation()).max(LEAST_AMOUNT);
        let cost_if_added = self.shift.map(|shift| shift.before * factor + shift.added + fee);
        Some(DayExpectation { cost, scale, level, fee, cost_if_added })
    }

    /// Adds a day with its known cost. On a day that is not usual the expected usage stands for it,
    /// so that an anomaly does not become the expectation.
    pub(crate) fn add(&mut self, day: Day, cost: f64, expected: Option<DayExpectation>, is_usual: bool) {
        self.days += 1;
        let Some(expected) = expected else { return self.learn_usage(day, cost) };
        self.decide_shift(day, &expected);
        let usage = expected.cost - expected.fee;
        if day == day.month_start() {
            push(&mut self.fees, cost - usage, 2);
        }
        let base = expected.cost.abs().max(LEAST_SCALE * expected.level);
        if base > 0.0 {
            self.deviations.push((cost - expected.cost).abs() / base, SCALE_DAYS);
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

    /// Forgets the level, and learns it from the days of a step: each day with its usage, and with
    /// the usage that was expected from the level before.
    pub(crate) fn reset_level(&mut self, days: &[(Day, f64, f64)], before: f64) {
        let added = days.iter().map(|(_, usage, expected)| usage - expected).sum::<f64>() / days.len() as f64;
        self.levels.clear();
        self.week.clear();
        let shift = LevelShift { before, added, days_left: 7 };
        self.shift = (before > 0.0 && before + added > 0.0).then_some(shift);
        if self.shift.is_some() && self.differ(days) {
            self.shift = None;
            if is_nearer_to_sum(days, added) {
                self.add_to_factors(&shift);
            }
        }
        for (day, usage, _) in days {
            self.learn_usage(*day, *usage);
        }
    }

    /// Whether the weekdays of these days usually differ.
    fn differ(&self, days: &[(Day, f64, f64)]) -> bool {
        let factors = || days.iter().map(|(day, ..)| self.factor(day.weekday()));
        factors().fold(f64::MIN, f64::max) > (1.0 + UNLIKE_FACTORS) * factors().fold(f64::MAX, f64::min)
    }

    /// Decides whether the last step added to the weekdays or multiplied them, on the first day on
    /// which both expect unlike costs; after a week, that it multiplied them.
    fn decide_shift(&mut self, day: Day, expected: &DayExpectation) {
        let Some(shift) = &mut self.shift else { return };
        shift.days_left -= 1;
        let shift = *shift;
        let factor = self.factor(day.weekday());
        let multiplied = factor * expected.level;
        let added = factor * shift.before + shift.added;
        let is_unlike = (multiplied - added).abs() > UNLIKE_FACTORS * added.abs().min(multiplied.abs());
        if is_unlike && expected.cost_if_added == Some(expected.cost) {
            self.add_to_factors(&shift);
        }
        if is_unlike || shift.days_left == 0 {
            self.shift = None;
        }
    }

    /// Rewrites the weekdays' factors as if the step's amount had always been there.
    fn add_to_factors(&mut self, shift: &LevelShift) {
        for ratios in &mut self.ratios {
            ratios.map(|ratio| shift.factor_if_added(ratio));
        }
    }

    /// The usual deviation, as a part of the expected cost: the mean size, with large ones clipped.
    /// It varies less from day to day than the median size, and so misses fewer anomalies.
    fn deviation(&self) -> f64 {
        let most = MOST_DEVIATION * MAD_TO_SD * self.deviations.median();
        (MEAN_TO_SD * self.deviations.mean_up_to(most)).max(LEAST_SCALE)
    }

    /// The median level, and the part of the last day's distance from it that persists.
    fn level(&self) -> Option<f64> {
        let (median, last) = self.median_and_last()?;
        Some(median + self.persistence.part() * (last - median))
    }

    /// The median of the last days without the weekdays' factors, and the last one of them.
    fn median_and_last(&self) -> Option<(f64, f64)> {
        let level = |day: &(usize, f64)| day.1 / self.factor(day.0).max(LEAST_FACTOR);
        let last = level(self.levels.back()?);
        let mut levels = [0.0; LEVEL_DAYS];
        for (place, day) in levels.iter_mut().zip(&self.levels) {
            *place = level(day);
        }
        Some((median(&mut levels[..self.levels.len()]), last))
    }

    fn factor(&self, weekday: usize) -> f64 {
        let ratios = &self.ratios[weekday];
        if ratios.len() < FEWEST_WEEKS { 1.0 } else { ratios.median() }
    }

    /// The last excess, if the last two months began with more than a usual day's cost too much.
    fn fee(&self, day: Day, level: f64) -> f64 {
        let is_due = day == day.month_start() && self.fees.len() == 2;
        if is_due && self.fees.iter().all(|excess| *excess > level) { self.fees[1] } else { 0.0 }
    }

    fn learn_usage(&mut self, day: Day, usage: f64) {
        let factor = self.factor(day.weekday());
        if factor >= LEAST_FACTOR {
            self.learn_persistence(usage / factor);
            push(&mut self.levels, (day.weekday(), usage), LEVEL_DAYS);
        }
        push(&mut self.week, Some(usage), 7);
        self.learn_factor(day, usage, usage);
    }

    /// Learns how much of the last day's distance from the level is left in the next day's level.
    fn learn_persistence(&mut self, next: f64) {
        let Some((median, last)) = self.median_and_last() else { return };
        if self.levels.len() == LEVEL_DAYS && median > 0.0 {
            let most = MOST_DISTANCE * (MAD_TO_SD * self.deviations.median()).max(LEAST_SCALE);
            let distance = |level: f64| ((level - median) / median).clamp(-most, most);
            self.persistence.learn(distance(last), distance(next));
        }
    }

    /// Learns the ratio of a day's usage to the week that it ends, in which `usual` stands for it.
    fn learn_factor(&mut self, day: Day, usage: f64, usual: f64) {
        let is_known = self.week.len() == 7 && self.week.iter().all(Option::is_some);
        let sum = self.week.iter().flatten().sum::<f64>() + usage - usual;
        if is_known && sum > 0.0 {
            self.ratios[day.weekday()].push(7.0 * usage / sum, FACTOR_WEEKS);
        }
    }
}

/// Whether the days are nearer to the expected usage plus an amount than to a multiple of it.
fn is_nearer_to_sum(days: &[(Day, f64, f64)], added: f64) -> bool {
    let sum = |value: &dyn Fn(f64, f64) -> f64| -> f64 {
        days.iter().map(|(_, usage, expected)| value(*usage, *expected)).sum()
    };
    let multiple = sum(&|usage, _| usage) / sum(&|_, expected| expected);
    let distance_of_sum = sum(&|usage, expected| (usage - expected - added).powi(2));
    let distance_of_multiple = sum(&|usage, expected| (usage - multiple * expected).powi(2));
    distance_of_sum < distance_of_multiple
}

/// Appends a value, and drops the oldest if there are more than `most`.
fn push<T>(values: &mut VecDeque<T>, value: T, most: usize) {
    if values.len() == most {
        values.pop_front();
    }
    values.push_back(value);
}
