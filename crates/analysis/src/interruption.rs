//! How the interruption rate of a type in a region moved over the statements of the spot advisor.

use domain::{SignedDuration, Timestamp};

/// Fewest statements of a trend.
const LEAST_STATEMENTS: usize = 3;

/// Shortest time between the first and the last statement of a trend.
const LEAST_SPAN: SignedDuration = SignedDuration::from_hours(24 * 60);

/// The direction of an interruption rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandTrend {
    /// Most later statements have a higher rate than the earlier ones.
    Rising,
    /// Neither.
    Steady,
    /// Most later statements have a lower rate than the earlier ones.
    Falling,
}

impl BandTrend {
    /// Returns the trend of rates, each from 0 to 4, with the times of their statements. `None`
    /// from fewer than three statements or less than 60 days. The rate moves if later statements
    /// are on one side of earlier ones in three quarters of all pairs (Kendall's tau of 0.5).
    pub fn of(statements: &[(Timestamp, i64)]) -> Option<BandTrend> {
        let mut sorted = statements.to_vec();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(at, _)| *at);
        let ((first, _), (last, _)) = (sorted.first()?, sorted.last()?);
        if sorted.len() < LEAST_STATEMENTS || last.duration_since(*first) < LEAST_SPAN {
            return None;
        }
        let pairs = sorted.len() * (sorted.len() - 1) / 2;
        let later = sorted.iter().enumerate().flat_map(|(at, (_, earlier))| {
            sorted[at + 1..].iter().map(move |(_, later)| (later - earlier).signum())
        });
        let tau = later.sum::<i64>() as f64 / pairs as f64;
        Some(match tau {
            tau if tau >= 0.5 => BandTrend::Rising,
            tau if tau <= -0.5 => BandTrend::Falling,
            _ => BandTrend::Steady,
        })
    }

    /// The trend in one word.
    pub fn word(self) -> &'static str {
        match self {
            BandTrend::Rising => "rising",
            BandTrend::Steady => "unchanged",
            BandTrend::Falling => "falling",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_needs_three_statements_over_sixty_days() {
        let check = |bands: &[(i64, i64)], expected: Option<&str>| {
            let at = |day: i64| Timestamp::from_second(day * 86_400).unwrap();
            let mut statements: Vec<_> = bands.iter().map(|(day, band)| (at(*day), *band)).collect();
            assert_eq!(BandTrend::of(&statements).map(BandTrend::word), expected, "{bands:?}");
            statements.reverse();
            assert_eq!(BandTrend::of(&statements).map(BandTrend::word), expected, "any order");
        };
        check(&[], None);
        check(&[(0, 1)], None);
        check(&[(0, 1), (400, 4)], None);
        check(&[(0, 1), (0, 1), (400, 4)], None);
        check(&[(0, 1), (30, 2), (59, 3)], None);
        check(&[(0, 1), (30, 2), (60, 3)], Some("rising"));
        check(&[(0, 3), (30, 2), (60, 2)], Some("falling"));
        check(&[(0, 2), (30, 2), (60, 2)], Some("unchanged"));
        check(&[(0, 1), (30, 4), (60, 1)], Some("unchanged"));
    }
}
