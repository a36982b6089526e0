//! Costs of consecutive days.

use crate::Day;

/// Costs of consecutive days in one currency. `None` is a day that no statement covers; a covered
/// day without a charge is 0.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyCosts {
    /// The day of the first value.
    pub first: Day,
    /// One value a day, in the currency's unit.
    pub values: Vec<Option<f64>>,
}

impl DailyCosts {
    /// The day after the last value.
    pub fn end(&self) -> Day {
        self.first + self.values.len() as i32
    }

    /// The cost of a day; `None` outside the series too.
    pub fn on(&self, day: Day) -> Option<f64> {
        let index = usize::try_from(day - self.first).ok()?;
        self.values.get(index).copied().flatten()
    }

    /// The days before `end` alone: what was known at an earlier time.
    pub fn before(&self, end: Day) -> DailyCosts {
        let days = usize::try_from(end - self.first).unwrap_or(0).min(self.values.len());
        DailyCosts { first: self.first, values: self.values[..days].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::DailyCosts;
    use crate::Day;

    #[test]
    fn a_day_outside_the_series_is_unknown_and_a_covered_day_is_not() {
        let costs = DailyCosts { first: Day(10), values: vec![Some(0.0), None, Some(2.5)] };
        assert_eq!((costs.on(Day(9)), costs.on(Day(10)), costs.on(Day(11))), (None, Some(0.0), None));
        assert_eq!((costs.on(Day(12)), costs.on(Day(13)), costs.end()), (Some(2.5), None, Day(13)));
        assert_eq!(costs.before(Day(11)).values, [Some(0.0)]);
        assert_eq!(costs.before(Day(3)).values, []);
        assert_eq!(costs.before(Day(99)), costs);
    }
}
