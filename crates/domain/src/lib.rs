//! The nouns: regions, zones, instance types, money, time, and what is known of each.
//!
//! This room is for values that mean the same in every other room. It will never know a clock, a
//! file, the environment, a database or AWS; whatever it needs is an argument.

mod known;
mod names;
mod size;

pub use jiff::Timestamp;
pub use known::Known;
pub use names::{AzId, InstanceType, NameError, Region};
pub use rust_decimal::Decimal;
pub use size::{MemoryError, gib, parse_memory_mib};

/// Reads a day (`2025-03-02`, its first instant in UTC) or an instant (RFC 3339).
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let day: jiff::civil::Date = text.parse().ok()?;
        day.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// The calendar day that lies `days` after 1970-01-01.
pub fn day(days: i32) -> Option<jiff::civil::Date> {
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}
