//! Days of the calendar in UTC.

use std::ops::{Add, Sub};

/// A day, counted from 1970-01-01, as Parquet and DuckDB count a DATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

impl Day {
    /// The day of a date of the Gregorian calendar; month and day count from 1.
    ///
    /// After Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (`days_from_civil`).
    pub fn of_date(year: i32, month: u32, day: u32) -> Day {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (month as i32 + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + day as i32 - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Day(era * 146_097 + day_of_era - 719_468)
    }

    /// Year, month from 1, and day of the month from 1.
    pub fn date(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i32::from(month <= 2), month as u32, day as u32)
    }

    /// Days since Monday: 0 for Monday, 6 for Sunday.
    pub fn weekday(self) -> usize {
        (self.0 + 3).rem_euclid(7) as usize
    }

    /// The first day of this day's month.
    pub fn month_start(self) -> Day {
        let (_, _, day) = self.date();
        self - (day as i32 - 1)
    }

    /// The first day of the month after this day's month.
    pub fn next_month(self) -> Day {
        (self.month_start() + 31).month_start()
    }
}

impl Add<i32> for Day {
    type Output = Day;
    fn add(self, days: i32) -> Day {
        Day(self.0 + days)
    }
}

impl Sub<i32> for Day {
    type Output = Day;
    fn sub(self, days: i32) -> Day {
        Day(self.0 - days)
    }
}

impl Sub for Day {
    type Output = i32;
    fn sub(self, other: Day) -> i32 {
        self.0 - other.0
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_and_dates_are_each_other_s_inverse() {
        let cases = [
            ((1970, 1, 1), 0, 3),
            ((2000, 2, 29), 11_016, 1),
            ((2026, 11, 30), 20_787, 0),
            ((1969, 12, 31), -1, 2),
        ];
        for ((year, month, day), count, weekday) in cases {
            assert_eq!(Day::of_date(year, month, day), Day(count));
            assert_eq!(Day(count).date(), (year, month, day));
            assert_eq!(Day(count).weekday(), weekday, "{year}-{month}-{day}");
        }
        for count in -200_000..200_000 {
            let (year, month, day) = Day(count).date();
            assert_eq!(Day::of_date(year, month, day), Day(count));
        }
    }

    #[test]
    fn a_month_ends_where_the_next_one_begins() {
        assert_eq!(Day::of_date(2028, 2, 29).next_month(), Day::of_date(2028, 3, 1));
        assert_eq!(Day::of_date(2026, 12, 1).next_month(), Day::of_date(2027, 1, 1));
        assert_eq!(Day::of_date(2027, 1, 31).month_start(), Day::of_date(2027, 1, 1));
    }
}
