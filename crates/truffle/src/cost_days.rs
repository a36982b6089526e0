//! Days and months of bills, as users write them.

use analysis::Day;
use domain::Timestamp;

/// Reads a day such as 2026-11-23.
pub(crate) fn read_day(text: &str) -> Option<Day> {
    let is_bare = text.len() == "2026-11-23".len();
    domain::parse_instant(text).filter(|_| is_bare).map(day_of)
}

/// Reads a month such as 2026-11, as its first day.
pub(crate) fn read_month(text: &str) -> Option<Day> {
    (text.len() == "2026-11".len()).then(|| read_day(&format!("{text}-01"))).flatten()
}

/// Returns the day of an instant in UTC.
pub(crate) fn day_of(instant: Timestamp) -> Day {
    Day(i32::try_from(instant.as_second().div_euclid(86_400)).unwrap_or(i32::MAX / 2))
}

/// Returns a day as text, such as 2026-11-23.
pub(crate) fn day_text(day: Day) -> String {
    let (year, month, day) = day.date();
    format!("{year:04}-{month:02}-{day:02}")
}

/// Returns a day's month as text, such as 2026-11.
pub(crate) fn month_text(day: Day) -> String {
    let (year, month, _) = day.date();
    format!("{year:04}-{month:02}")
}
