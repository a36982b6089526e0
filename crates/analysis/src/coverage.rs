//! The days that statements of bills cover, and the newest day with all its charges.

use crate::Day;

/// The newest days of a statement that may lack charges, if nothing is learnt from older ones.
const USUAL_DELAY: i32 = 2;

/// Replaced statements are compared over this many of their newest days.
const COMPARED_DAYS: usize = 4;

/// The part of a day's usage that makes it complete.
const COMPLETE_SHARE: f64 = 0.98;

/// A valid statement about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatementPeriod {
    /// The first day of the period.
    pub first: Day,
    /// The day after the period.
    pub end: Day,
    /// The day on which the statement was made.
    pub observed: Day,
    /// The newest day with usage of the accounts in the statement, in any period.
    pub newest_usage: Day,
}

/// The covered days of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostCoverage {
    /// Covered days, as first day and the day after the last one, in order and apart.
    pub spans: Vec<(Day, Day)>,
    /// The newest day with all its charges; `None` without one.
    pub complete_through: Option<Day>,
}

impl CostCoverage {
    /// Returns the coverage of an account by the valid statements about it.
    ///
    /// A statement covers the days of its period up to the day on which it was made, and none after
    /// the newest usage. The newest `delay` days of an unfinished month may lack charges.
    pub fn of(statements: &[StatementPeriod], delay: i32) -> CostCoverage {
        let mut spans: Vec<(Day, Day)> = statements
            .iter()
            .map(|one| (one.first, one.end.min(one.observed + 1).min(one.newest_usage + 1)))
            .filter(|(first, end)| first < end)
            .collect();
        spans.sort_unstable();
        let mut joined: Vec<(Day, Day)> = Vec::new();
        for (first, end) in spans {
            match joined.last_mut().filter(|(_, last)| *last >= first) {
                Some((_, last)) => *last = end.max(*last),
                None => joined.push((first, end)),
            }
        }
        let complete = |one: &StatementPeriod| {
            let newest = (one.end - 1).min(one.newest_usage);
            let by_time = one.observed - delay - 1;
            match newest == one.end - 1 {
                true => newest.min(by_time),
                false => newest - delay,
            }
        };
        let newest = statements.iter().filter(|one| one.first <= one.newest_usage).map(complete).max();
        let covered = |day: Day| joined.iter().any(|(first, end)| (*first..*end).contains(&day));
        // The days left out may reach into the month before, which an older statement covers.
        let complete_through = newest.and_then(|newest| match covered(newest) {
            true => Some(newest),
            false => joined.iter().map(|(_, end)| *end - 1).filter(|last| *last <= newest).max(),
        });
        CostCoverage { spans: joined, complete_through }
    }

    /// Returns whether a statement covers the day.
    pub fn covers(&self, day: Day) -> bool {
        self.spans.iter().any(|(first, end)| (*first..*end).contains(&day))
    }
}

/// Usage of a day in a replaced statement, and as it is known now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayArrival {
    /// Days before the newest day of the replaced statement.
    pub days_before: usize,
    /// Usage in the replaced statement.
    pub known: f64,
    /// Usage that is known now.
    pub present: f64,
}

/// Returns the number of newest days that may lack charges. It is learnt from replaced statements:
/// on older days, the median statement had at least 98 % of the usage. Without replaced statements
/// it is two.
pub fn arrival_delay(arrivals: &[DayArrival]) -> i32 {
    let median_share = |age: usize| {
        let of_age = arrivals.iter().filter(|one| one.days_before == age && one.present > 0.0);
        let mut shares: Vec<f64> = of_age.map(|one| one.known / one.present).collect();
        shares.sort_by(f64::total_cmp);
        shares.get(shares.len() / 2).copied()
    };
    let shares: Vec<Option<f64>> = (0..COMPARED_DAYS).map(median_share).collect();
    if shares.iter().any(Option::is_none) {
        return USUAL_DELAY;
    }
    let incomplete = shares.iter().rposition(|share| share.is_some_and(|share| share < COMPLETE_SHARE));
    incomplete.map_or(0, |age| age as i32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(month: u32, day: u32) -> Day {
        Day::of_date(2026, month, day)
    }

    fn month(number: u32, observed: Day) -> StatementPeriod {
        let first = day(number, 1);
        StatementPeriod { first, end: first.next_month(), observed, newest_usage: observed }
    }

    fn with_usage(statements: &[StatementPeriod], newest_usage: Day) -> Vec<StatementPeriod> {
        statements.iter().map(|one| StatementPeriod { newest_usage, ..*one }).collect()
    }

    #[test]
    fn a_statement_covers_its_days_up_to_its_own_time_and_the_newest_usage() {
        let check = |statements: &[StatementPeriod],
                     newest: Day,
                     delay: i32,
                     spans: &[(Day, Day)],
                     complete: Option<Day>| {
            let found = CostCoverage::of(&with_usage(statements, newest), delay);
            assert_eq!((found.spans.as_slice(), found.complete_through), (spans, complete), "{statements:?}");
        };
        check(&[], day(10, 1), 2, &[], None);
        // A finished month.
        let october = month(10, day(11, 6));
        check(&[october], day(10, 31), 2, &[(day(10, 1), day(11, 1))], Some(day(10, 31)));
        // A month that ended a day ago.
        let early = month(10, day(11, 1));
        check(&[early], day(10, 31), 2, &[(day(10, 1), day(11, 1))], Some(day(10, 29)));
        // An unfinished month after a finished one.
        let november = month(11, day(11, 20));
        let both = [(day(10, 1), day(11, 21))];
        check(&[october, november], day(11, 20), 2, &both, Some(day(11, 18)));
        check(&[october, november], day(11, 20), 0, &both, Some(day(11, 20)));
        // Half a month in a file that was copied later.
        check(&[month(11, day(12, 24))], day(11, 15), 2, &[(day(11, 1), day(11, 16))], Some(day(11, 13)));
        // The first days of a month, and a month that is missing before it.
        let first = month(11, day(11, 2));
        check(&[october, first], day(11, 2), 2, &[(day(10, 1), day(11, 3))], Some(day(10, 31)));
        let august = month(8, day(9, 6));
        let apart = [(day(8, 1), day(9, 1)), (day(11, 1), day(11, 3))];
        check(&[august, first], day(11, 2), 2, &apart, Some(day(8, 31)));
    }

    #[test]
    fn days_from_cost_explorer_cover_one_day_each() {
        let one = |number: u32, observed: Day| StatementPeriod {
            first: day(11, number),
            end: day(11, number) + 1,
            observed,
            newest_usage: day(11, 10),
        };
        let days: Vec<StatementPeriod> = (3..=10).map(|number| one(number, day(11, 11))).collect();
        let found = CostCoverage::of(&days, 2);
        assert_eq!(found.spans, [(day(11, 3), day(11, 11))]);
        assert_eq!(found.complete_through, Some(day(11, 8)));
        assert!(!found.covers(day(11, 2)) && found.covers(day(11, 3)) && !found.covers(day(11, 11)));
    }

    #[test]
    fn the_usage_of_a_linked_account_extends_no_other_statement() {
        let october = StatementPeriod { newest_usage: day(10, 20), ..month(10, day(12, 1)) };
        let linked = StatementPeriod { newest_usage: day(10, 28), ..month(10, day(12, 1)) };
        let spans = |statements: &[StatementPeriod]| CostCoverage::of(statements, 2).spans;
        assert_eq!(spans(&[october]), [(day(10, 1), day(10, 21))]);
        assert_eq!(spans(&[october, linked]), [(day(10, 1), day(10, 29))]);
    }

    #[test]
    fn the_delay_is_learnt_from_replaced_statements() {
        let check = |shares: &[(usize, f64)], expected: i32| {
            let arrivals: Vec<DayArrival> = shares
                .iter()
                .map(|(days_before, known)| DayArrival {
                    days_before: *days_before,
                    known: *known,
                    present: 1.0,
                })
                .collect();
            assert_eq!(arrival_delay(&arrivals), expected, "{shares:?}");
        };
        check(&[], 2);
        check(&[(0, 0.4), (1, 1.0)], 2);
        check(&[(0, 0.4), (1, 0.9), (2, 0.95), (3, 1.0)], 3);
        check(&[(0, 0.4), (1, 0.99), (2, 1.0), (3, 1.0)], 1);
        check(&[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)], 0);
        check(&[(0, 0.1), (1, 0.1), (2, 0.1), (3, 0.1)], 4);
        // One bad statement of three changes nothing.
        let mixed = [(0, 0.4), (1, 1.0), (2, 1.0), (3, 1.0)];
        let bad = [(0, 0.0), (1, 0.0), (2, 0.0), (3, 0.0)];
        check(&[mixed, mixed, bad].concat(), 1);
    }
}
