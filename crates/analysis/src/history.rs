//! The part of a series that models learn from: gaps filled, single days clipped, older levels
//! scaled to the newest one.

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

/// A step is at least so many times the usual change from day to day.
const LEAST_NOISE: f64 = 2.5;

/// The share of a step that happens within one day.
const LEAST_JUMP: f64 = 0.6;

/// The largest ratio of two levels.
const MOST_RATIO: f64 = 8.0;

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
    /// weeks. The factors are shrunk towards 1 as far as the noise of the ratios explains them
    /// (James and Stein 1961), and are at least 0.01.
    fn weekday_factors(&self) -> [f64; 7] {
        let count = self.values.len();
        let mut ratios: [Vec<f64>; 7] = Default::default();
        for index in count.saturating_sub(84).max(3)..count.saturating_sub(3) {
            let around = mean(&self.values[index - 3..=index + 3]);
            if around > 0.0 {
                ratios[self.weekday(index)].push(self.values[index] / around);
            }
        }
        let least = ratios.iter().map(Vec::len).min().unwrap_or(0);
        if least < 2 {
            return [1.0; 7];
        }
        let medians = ratios.each_mut().map(|of_day| median(of_day));
        let mut sizes: Vec<f64> = ratios
            .iter()
            .zip(medians)
            .flat_map(|(of_day, middle)| of_day.iter().map(move |ratio| (ratio - middle).abs()))
            .collect();
        // The variance of a median is about π/2 times that of a mean.
        let noise = (1.4826 * median(&mut sizes)).powi(2) * std::f64::consts::FRAC_PI_2 / least as f64;
        let spread = medians.iter().map(|factor| (factor - 1.0).powi(2)).sum::<f64>() / 7.0;
        let kept = if spread > 0.0 { (1.0 - noise / spread).max(0.0) } else { 0.0 };
        let factors = medians.map(|factor| (1.0 + kept * (factor - 1.0)).max(0.01));
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
        let usual = usual_sizes(&excess);
        let is_far = |at: usize| excess[at].abs() > OUTLIER * usual[at].max(LEAST_SHARE * levels[at].abs());
        for (index, level) in levels.iter().enumerate() {
            let is_alone = (index == 0 || !is_far(index - 1)) && (index + 1 >= count || !is_far(index + 1));
            if is_far(index) && is_alone && count > 14 {
                self.values[index] = level * self.factor(index);
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
            if let Some(ratio) = step_ratio(&plain, index, noise) {
                plain[..index].iter_mut().for_each(|value| *value *= ratio);
                self.values[..index].iter_mut().for_each(|value| *value *= ratio);
                index = index.saturating_sub(NEAR_DAYS - 1);
            }
            index -= 1;
        }
    }
}

/// The ratio of the levels after and before a day, if there is a step. From or to almost nothing
/// there is none: such a level predicts nothing about the other.
fn step_ratio(plain: &[f64], index: usize, noise: f64) -> Option<f64> {
    let jump = (plain[index] - plain[index - 1]).abs();
    if jump < LEAST_JUMP * LEAST_STEP * plain[index - 1].min(plain[index]) {
        return None;
    }
    let before = median(&mut plain[index - NEAR_DAYS..index].to_vec());
    let after = median(&mut plain[index..(index + NEAR_DAYS).min(plain.len())].to_vec());
    let (size, least) = ((after - before).abs(), before.min(after));
    let is_step = size > (LEAST_STEP * least).max(LEAST_NOISE * noise) && jump > LEAST_JUMP * size;
    (is_step && least > 0.0 && before.max(after) < MOST_RATIO * least).then_some(after / before)
}

/// The usual size of a deviation at each day: the scaled median of about 16 weeks around it.
fn usual_sizes(excess: &[f64]) -> Vec<f64> {
    let count = excess.len();
    let of_block = |block: usize| {
        let (from, to) = ((28 * block).saturating_sub(42), (28 * block + 70).min(count));
        1.4826 * median(&mut excess[from..to].iter().map(|size| size.abs()).collect::<Vec<f64>>())
    };
    let blocks: Vec<f64> = (0..count.div_ceil(28)).map(of_block).collect();
    (0..count).map(|day| blocks[day / 28]).collect()
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

#[cfg(test)]
mod tests {
    use super::CostHistory;
    use crate::{DailyCosts, Day};

    fn prepared(values: Vec<Option<f64>>) -> CostHistory {
        let costs = DailyCosts { first: Day(19_358), values };
        let through = costs.end() - 1;
        CostHistory::prepare(&costs, through)
    }

    #[test]
    fn a_single_day_is_clipped_and_a_step_moves_older_days_to_its_level() {
        let steady = |day: usize| 10.0 + 0.01 * (day % 5) as f64;
        let refund = prepared((0..100).map(|d| Some(if d == 60 { -30.0 } else { steady(d) })).collect());
        assert!((refund.values[60] - 10.0).abs() < 0.1 && !refund.is_positive, "{}", refund.values[60]);
        let step =
            prepared((0..100).map(|d| Some(if d < 90 { steady(d) } else { 2.0 * steady(d) })).collect());
        assert!(step.values.iter().all(|value| (value - 20.0).abs() < 0.5), "{:?}", step.values);
    }

    #[test]
    fn a_gap_takes_the_value_a_week_before_and_the_history_begins_with_a_charge() {
        let mut values: Vec<Option<f64>> = vec![Some(0.0); 10];
        values.extend((0..14).map(|day| Some(f64::from(day % 7) + 1.0)));
        values[20] = None;
        let history = prepared(values);
        assert_eq!(history.first, Day(19_368));
        assert_eq!(history.on(Day(19_378)), 4.0, "as on the weekday before");
        assert_eq!((history.on(Day(19_360)), history.values.len()), (0.0, 14));
    }

    #[test]
    fn weekdays_have_factors_with_mean_1() {
        let history = prepared((0..100).map(|d| Some(if (d + 6) % 7 >= 5 { 2.0 } else { 10.0 })).collect());
        assert!((history.factors.iter().sum::<f64>() - 7.0).abs() < 1e-9);
        let plain = history.deseasonalised();
        assert!(plain.iter().all(|value| (value - plain[0]).abs() < 1e-9), "{plain:?}");
    }
}
