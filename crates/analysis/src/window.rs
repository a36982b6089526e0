//! The newest values of a series, with their median.

use std::collections::VecDeque;

/// The newest values, also sorted, so that a median needs no search through them.
#[derive(Debug, Clone, Default)]
pub(crate) struct MedianWindow {
    arrived: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl MedianWindow {
    /// Appends a value, and drops the oldest if there are more than `most`.
    pub(crate) fn push(&mut self, value: f64, most: usize) {
        if self.arrived.len() == most
            && let Some(oldest) = self.arrived.pop_front()
        {
            self.sorted.remove(self.place(oldest));
        }
        self.arrived.push_back(value);
        self.sorted.insert(self.place(value), value);
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The median; 0 of no values.
    pub(crate) fn median(&self) -> f64 {
        self.middle(|rank| self.sorted[rank])
    }

    /// The median distance of the values from their median; 0 of no values.
    pub(crate) fn median_distance(&self) -> f64 {
        let center = self.median();
        self.middle(|rank| self.distance(center, rank + 1))
    }

    /// The mean of the values, with `most` in place of larger ones; 0 of no values.
    pub(crate) fn mean_up_to(&self, most: f64) -> f64 {
        let sum: f64 = self.sorted.iter().map(|value| value.min(most)).sum();
        sum / self.len().max(1) as f64
    }

    /// Replaces each value.
    pub(crate) fn map(&mut self, change: impl Fn(f64) -> f64) {
        self.arrived.iter_mut().for_each(|value| *value = change(*value));
        self.sorted = self.arrived.iter().copied().collect();
        self.sorted.sort_unstable_by(f64::total_cmp);
    }

    /// The place of a value among the sorted values, the first one of equals.
    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }

    /// The mean of the one or two middle ranks, counted from 0.
    fn middle(&self, of_rank: impl Fn(usize) -> f64) -> f64 {
        let count = self.sorted.len();
        match (count, count.is_multiple_of(2)) {
            (0, _) => 0.0,
            (_, true) => (of_rank(count / 2 - 1) + of_rank(count / 2)) / 2.0,
            (_, false) => of_rank(count / 2),
        }
    }

    /// The distance from the center within which `count` values lie. They are neighbours in the
    /// sorted values: the search finds the first of them.
    fn distance(&self, center: f64, count: usize) -> f64 {
        let (mut first, mut most) = (0, self.sorted.len() - count);
        while first < most {
            let middle = first.midpoint(most);
            if center - self.sorted[middle] > self.sorted[middle + count] - center {
                first = middle + 1;
            } else {
                most = middle;
            }
        }
        (center - self.sorted[first]).max(self.sorted[first + count - 1] - center)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::MedianWindow;
    use crate::numbers::{mean, median};

    proptest! {
        #[test]
        fn the_medians_are_those_of_the_newest_values(
            values in prop::collection::vec(prop_oneof![-3.0..3.0_f64, Just(1.0), Just(-0.0)], 0..40),
            most in 1..12_usize,
        ) {
            let mut window = MedianWindow::default();
            for end in 0..=values.len() {
                let newest = &values[end.saturating_sub(most)..end];
                let center = median(&mut newest.to_vec());
                let mut distances: Vec<f64> = newest.iter().map(|value| (value - center).abs()).collect();
                prop_assert_eq!(window.len(), newest.len());
                prop_assert_eq!(window.median(), center);
                let mean = mean(&newest.iter().map(|value| value.min(1.5)).collect::<Vec<f64>>());
                prop_assert!((window.mean_up_to(1.5) - mean).abs() < 1e-12);
                prop_assert!((window.median_distance() - median(&mut distances)).abs() < 1e-12);
                if let Some(next) = values.get(end) {
                    window.push(*next, most);
                }
            }
            window.map(|value| -2.0 * value);
            let newest = &values[values.len().saturating_sub(most)..];
            let mut changed: Vec<f64> = newest.iter().map(|value| -2.0 * value).collect();
            prop_assert!((window.median() - median(&mut changed)).abs() < 1e-12);
        }
    }
}
