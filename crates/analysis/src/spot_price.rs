//! Spot prices of one zone over a window of time, weighted by how long each applied.

use domain::{Decimal, SignedDuration, Timestamp};

/// How long an observation counts as the price. After that, the time is unobserved until the next
/// one.
pub const TRUSTED_DAYS: i64 = 7;

/// A price may exceed another by this much through rounding alone: spot prices have four decimals,
/// on-demand prices five.
const ROUNDING: Decimal = Decimal::from_parts(1, 0, 0, false, 4);

/// A spot price observed at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpotObservation {
    /// The instant from which the price applies.
    pub at: Timestamp,
    /// Price per hour; `None` if the price ended or is not known.
    pub price: Option<Decimal>,
}

/// A span of time with one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpotStep {
    /// Start of the span.
    pub from: Timestamp,
    /// End of the span, exclusive.
    pub until: Timestamp,
    /// Price per hour; `None` if the time is unobserved.
    pub price: Option<Decimal>,
}

impl SpotStep {
    /// Length of the span, microseconds, which is the resolution of stored instants.
    fn weight(&self) -> i64 {
        self.until.as_microsecond() - self.from.as_microsecond()
    }
}

/// The prices of one zone, in one currency, over a window of time. The steps follow each other
/// without gaps from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpotPriceWindow {
    steps: Vec<SpotStep>,
    changes: usize,
    now: Option<Decimal>,
}

impl SpotPriceWindow {
    /// Returns the steps between two instants. Observations up to seven days before the window give
    /// its first price. Of several observations at one instant, a known price precedes an unknown
    /// one, and then the highest applies.
    pub fn new(observations: &[SpotObservation], from: Timestamp, until: Timestamp) -> SpotPriceWindow {
        let trust = SignedDuration::from_hours(24 * TRUSTED_DAYS);
        let reaches = |found: &&SpotObservation| found.at <= until && domain::later(found.at, trust) > from;
        let mut observed: Vec<SpotObservation> = observations.iter().filter(reaches).copied().collect();
        observed.sort_by_key(|found| (found.at, found.price));
        observed.reverse();
        observed.dedup_by_key(|found| found.at);
        observed.reverse();
        let newest = observed.last().filter(|newest| domain::later(newest.at, trust) > until);
        let now = newest.and_then(|newest| newest.price);
        let mut window = SpotPriceWindow { steps: Vec::new(), changes: 0, now };
        let mut reached = from;
        let mut last_price = None;
        for (at, found) in observed.iter().enumerate() {
            let next = observed.get(at + 1).map_or(until, |next| next.at);
            let end = next.min(domain::later(found.at, trust));
            window.push(&mut reached, found.at, None);
            window.push(&mut reached, end, found.price);
            if let Some(price) = found.price.filter(|_| end > from) {
                let is_change = last_price.is_some_and(|last| last != price);
                window.changes += usize::from(is_change && found.at > from);
                last_price = Some(price);
            }
        }
        window.push(&mut reached, until, None);
        window
    }

    /// Adds a step up to an instant, or lengthens the last one if it has the same price.
    fn push(&mut self, reached: &mut Timestamp, until: Timestamp, price: Option<Decimal>) {
        if until <= *reached {
            return;
        }
        match self.steps.last_mut().filter(|last| last.price == price) {
            Some(last) => last.until = until,
            None => self.steps.push(SpotStep { from: *reached, until, price }),
        }
        *reached = until;
    }

    /// The steps, oldest first. Two neighbours have different prices.
    pub fn steps(&self) -> &[SpotStep] {
        &self.steps
    }

    /// The price at the window's end. `None` if it is unobserved then.
    pub fn now(&self) -> Option<Decimal> {
        self.now
    }

    /// Number of observations in the window with another price than the last one that applied
    /// in it.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Share of the window with a known price, from 0 to 1.
    pub fn observed_share(&self) -> f64 {
        let whole: i64 = self.steps.iter().map(SpotStep::weight).sum();
        if whole == 0 { 0.0 } else { self.observed() as f64 / whole as f64 }
    }

    fn observed(&self) -> i64 {
        self.steps.iter().filter(|step| step.price.is_some()).map(SpotStep::weight).sum()
    }

    /// The lowest price that applied at most of the time: for 0.95, the price was at most this high
    /// for at least 95 % of the observed time. `None` if nothing was observed.
    pub fn quantile(&self, share: f64) -> Option<Decimal> {
        let mut weighted: Vec<(Decimal, i64)> =
            self.steps.iter().filter_map(|step| Some((step.price?, step.weight()))).collect();
        weighted.sort_unstable();
        let wanted = share * self.observed() as f64;
        let mut reached = 0;
        let found = weighted.iter().find(|(_, weight)| {
            reached += weight;
            reached as f64 >= wanted
        });
        found.or(weighted.last()).map(|(price, _)| *price)
    }

    /// The highest price. `None` if nothing was observed.
    pub fn highest(&self) -> Option<Decimal> {
        self.steps.iter().filter_map(|step| step.price).max()
    }

    /// Share of the observed time with a price of at most the ceiling, from 0 to 1. `None` if
    /// nothing was observed.
    pub fn share_under(&self, ceiling: Decimal) -> Option<f64> {
        let under = self.steps.iter().filter(|step| step.price.is_some_and(|price| price <= ceiling));
        let under: i64 = under.map(SpotStep::weight).sum();
        let observed = self.observed();
        (observed > 0).then(|| under as f64 / observed as f64)
    }

    /// The longest uninterrupted time with a price above another one by more than rounding.
    pub fn longest_above(&self, price: Decimal) -> SignedDuration {
        let limit = price.saturating_add(ROUNDING);
        let (mut longest, mut current) = (0, 0);
        for step in &self.steps {
            let is_above = step.price.is_some_and(|found| found > limit);
            current = if is_above { current + step.weight() } else { 0 };
            longest = longest.max(current);
        }
        SignedDuration::from_micros(longest)
    }

    /// The price at an instant of the window, its end included. `None` if it is unobserved then.
    pub fn price_at(&self, instant: Timestamp) -> Option<Decimal> {
        let at = self.steps.partition_point(|step| step.until <= instant);
        self.steps.get(at).map_or(self.now, |step| step.price)
    }

    /// Mean of |log change| from week to week, over the weeks before the window's end with both
    /// ends observed. `None` without any.
    pub fn weekly_log_change(&self) -> Option<f64> {
        let (first, last) = (self.steps.first()?.from, self.steps.last()?.until);
        let week = SignedDuration::from_hours(24 * 7);
        let ends = std::iter::successors(Some(last), |end| end.checked_sub(week).ok());
        let prices: Vec<Option<f64>> = ends
            .take_while(|end| *end >= first)
            .map(|end| self.price_at(end).and_then(|price| f64::try_from(price).ok()))
            .collect();
        mean_log_change(&prices)
    }
}

/// Mean of |log change| between neighbours that are both known and positive; `None` without any.
pub(crate) fn mean_log_change(prices: &[Option<f64>]) -> Option<f64> {
    let changes: Vec<f64> = prices.windows(2).filter_map(|pair| log_change(pair[0], pair[1])).collect();
    (!changes.is_empty()).then(|| crate::numbers::mean(&changes))
}

/// The size of the logarithmic change between two prices; `None` if one is unknown or not positive.
pub(crate) fn log_change(before: Option<f64>, after: Option<f64>) -> Option<f64> {
    let positive = |price: Option<f64>| price.filter(|price| *price > 0.0);
    Some((positive(after)? / positive(before)?).ln().abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Day 100 of an invented calendar is the end of each window.
    fn day(number: f64) -> Timestamp {
        Timestamp::from_microsecond((number * 86_400e6) as i64).unwrap()
    }

    fn observation(at: f64, price: Option<i64>) -> SpotObservation {
        SpotObservation { at: day(at), price: price.map(|price| Decimal::new(price, 4)) }
    }

    fn window(observed: &[(f64, i64)], from: f64) -> SpotPriceWindow {
        let observed: Vec<_> = observed.iter().map(|(at, price)| observation(*at, Some(*price))).collect();
        SpotPriceWindow::new(&observed, day(from), day(100.0))
    }

    #[test]
    fn figures_are_weighted_by_time() {
        let check = |observed: &[(f64, i64)], share: f64, median: i64, under: f64, changes: usize| {
            let window = window(observed, 90.0);
            let price = |price: i64| Decimal::new(price, 4);
            assert!((window.observed_share() - share).abs() < 1e-9, "{observed:?}: {window:?}");
            assert_eq!(window.quantile(0.5), Some(price(median)), "{observed:?}");
            assert!((window.share_under(price(100)).unwrap() - under).abs() < 1e-9, "{observed:?}");
            assert_eq!(window.changes(), changes, "{observed:?}");
        };
        check(&[(85.0, 90), (95.0, 100)], 0.7, 100, 1.0, 1);
        check(&[(90.0, 200), (91.0, 100), (94.0, 300)], 1.0, 300, 0.3, 2);
        check(&[(90.0, 100), (92.0, 100), (94.0, 101)], 1.0, 101, 0.4, 1);
        check(&[(90.0, 100), (90.0, 500), (97.0, 80)], 1.0, 500, 0.3, 1);
        check(&[(84.0, 90)], 0.1, 90, 1.0, 0);
        check(&[(99.0, 90), (99.5, 101), (120.0, 7)], 0.1, 90, 0.5, 1);
        check(&[(82.0, 70), (84.0, 90), (100.0, 91)], 0.1, 90, 1.0, 1);
    }

    #[test]
    fn a_window_without_observations_has_no_figures() {
        let nothing = window(&[(50.0, 100)], 90.0);
        assert_eq!((nothing.observed_share(), nothing.quantile(0.5), nothing.highest()), (0.0, None, None));
        assert_eq!((nothing.share_under(Decimal::ONE), nothing.weekly_log_change()), (None, None));
        let ended = [observation(95.0, Some(100)), observation(96.0, None)];
        let ended = SpotPriceWindow::new(&ended, day(90.0), day(100.0));
        assert!((ended.observed_share() - 0.1).abs() < 1e-9 && ended.price_at(day(100.0)).is_none());
    }

    #[test]
    fn a_gap_or_a_rounded_price_ends_the_longest_time_above_on_demand() {
        let check = |observed: &[(f64, i64)], hours: i64| {
            let found = window(observed, 60.0).longest_above(Decimal::new(9_999, 6));
            assert_eq!(found, SignedDuration::from_hours(hours), "{observed:?}");
        };
        check(&[(90.0, 100)], 0);
        check(&[(90.0, 101), (91.0, 102), (93.0, 100), (94.0, 105), (95.0, 90)], 72);
        check(&[(70.0, 200), (90.0, 200), (91.0, 50)], 7 * 24);
    }

    #[test]
    fn the_weekly_change_compares_the_prices_at_the_ends_of_weeks() {
        let mean = |observed: &[(f64, i64)]| window(observed, 70.0).weekly_log_change();
        let doubled = mean(&[(79.0, 100), (80.0, 300), (86.0, 100), (92.0, 200), (97.0, 200)]).unwrap();
        assert!((doubled - 2_f64.ln() / 3.0).abs() < 1e-9, "{doubled}");
        assert_eq!(mean(&[(99.0, 100)]), None);
    }

    proptest! {
        #[test]
        fn steps_add_up_to_the_window_and_repeats_change_nothing(
            observed in proptest::collection::vec((60.0..101.0_f64, proptest::option::of(1..9_i64)), 0..30),
            at in 60.0..100.0_f64,
        ) {
            let mut all: Vec<_> = observed.iter().map(|(at, price)| observation(*at, *price)).collect();
            let plain = SpotPriceWindow::new(&all, day(80.0), day(100.0));
            let mut reached = day(80.0);
            for step in plain.steps() {
                prop_assert_eq!(step.from, reached);
                reached = step.until;
            }
            prop_assert_eq!(reached, day(100.0));
            // The newest observation once more, in the middle of its time, splits its interval.
            let newest = all.iter().filter(|found| found.at <= day(at)).max_by_key(|found| (found.at, found.price));
            let followed = |found: &&SpotObservation| {
                let trusted = found.at + SignedDuration::from_hours(24 * TRUSTED_DAYS);
                found.price.is_none() || all.iter().any(|next| next.at > day(at) && next.at <= trusted)
            };
            if let Some(newest) = newest.filter(followed).copied() {
                all.insert(0, SpotObservation { at: day(at), ..newest });
                prop_assert_eq!(&SpotPriceWindow::new(&all, day(80.0), day(100.0)), &plain);
            }
            all.extend(all.clone());
            all.reverse();
            let before = SpotPriceWindow::new(&all[all.len() / 2..], day(80.0), day(100.0));
            prop_assert_eq!(SpotPriceWindow::new(&all, day(80.0), day(100.0)), before);
        }
    }
}
