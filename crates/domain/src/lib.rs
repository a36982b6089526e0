//! Basic values: regions, zones, instance types, money, time, and facts that may be unknown.
//!
//! A value of this crate means the same in every other crate, and foreign text has the same limits
//! everywhere. The crate uses no clock, file, environment, database or AWS; everything that it
//! needs is an argument.

mod exact;
mod hex;
mod known;
mod location;
mod names;
mod partition;
mod size;
mod span;
mod text_reader;
mod vcpu_quota;
mod visible;

pub use exact::{RoundedNumber, RoundingTally, parse_exact, parse_rounded};
pub use hex::{hex, parse_hex};
pub use jiff::{SignedDuration, Timestamp};
pub use known::Known;
pub use location::{RegionNameError, find_regions, parse_region_name, region_names, region_of_location};
pub use names::{AzId, InstanceType, NameError, Region, is_code, parse_spot_product};
pub use partition::{currency_of, partition_of};
pub use rust_decimal::Decimal;
pub use size::{MemoryError, mib_to_gib, parse_memory_mib};
pub use span::{SpanError, format_span, parse_span};
pub use text_reader::{
    DEEPEST_JSON, LARGEST_FIELD, LARGEST_RECORD, MOST_COLUMNS, RecordReader, check_record, read_text,
    skip_mark, without_mark,
};
pub use vcpu_quota::vcpu_quota;
pub use visible::{is_invisible, is_shell_word, visible};

/// The shortest secret that signs the posts to a webhook, in bytes.
pub const SHORTEST_SECRET: usize = 16;

/// Parses a day (`2025-03-02`, its first instant in UTC), a time of a day in UTC
/// (`2025-03-02 18:30`) or an instant (RFC 3339).
pub fn parse_instant(text: &str) -> Option<Timestamp> {
    let utc = |time: jiff::civil::DateTime| {
        time.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    text.parse::<Timestamp>().ok().or_else(|| utc(text.parse().ok()?))
}

/// Parses the same texts as [`parse_instant`], but a day means its last microsecond: the data known
/// on a day is the data known at its end.
pub fn parse_until(text: &str) -> Option<Timestamp> {
    let instant = parse_instant(text)?;
    let bare_day = text.len() == "2025-03-02".len();
    let end = jiff::SignedDuration::from_hours(24) - jiff::SignedDuration::from_micros(1);
    if bare_day { instant.checked_add(end).ok() } else { Some(instant) }
}

/// Subtracts a span such as `90d`, `2w`, `1y 6mo` or `36h` from an instant. Calendar units are
/// counted in UTC. Returns `None` if the text is not a span, the result is not earlier than the
/// instant, or the result is outside the calendar.
pub fn subtract_span(instant: Timestamp, span: &str) -> Option<Timestamp> {
    let span: jiff::Span = span.parse().ok()?;
    let zoned = instant.to_zoned(jiff::tz::TimeZone::UTC).checked_sub(span).ok()?;
    (zoned.timestamp() < instant).then(|| zoned.timestamp())
}

/// Returns the instant `span` after `at`, or the end of the calendar where that is later.
pub fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(if span.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}

/// Returns the calendar day that is `days` after 1970-01-01; `None` outside the calendar.
pub fn day(days: i32) -> Option<jiff::civil::Date> {
    jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtracts_spans_and_rejects_other_texts() {
        let check = |span: &str, expected: Option<&str>| {
            let from = parse_instant("2026-03-31 12:00").unwrap();
            assert_eq!(subtract_span(from, span).map(|t| t.to_string()).as_deref(), expected, "{span}");
        };
        check("90d", Some("2025-12-31T12:00:00Z"));
        check("2w", Some("2026-03-17T12:00:00Z"));
        check("1y 1mo", Some("2025-02-28T12:00:00Z"));
        check("36h", Some("2026-03-30T00:00:00Z"));
        for bad in ["", "90", "0d", "-3d", "3d ago", "soon", "99999999y"] {
            check(bad, None);
        }
    }

    #[test]
    fn parses_days_times_and_instants() {
        let check = |text: &str, first: Option<&str>, last: Option<&str>| {
            assert_eq!(parse_instant(text).map(|t| t.to_string()).as_deref(), first, "{text}");
            assert_eq!(parse_until(text).map(|t| t.to_string()).as_deref(), last, "{text}");
        };
        check("2025-03-02", Some("2025-03-02T00:00:00Z"), Some("2025-03-02T23:59:59.999999Z"));
        check("2025-03-02 18:30", Some("2025-03-02T18:30:00Z"), Some("2025-03-02T18:30:00Z"));
        check("2025-03-02T18:30:00+01:00", Some("2025-03-02T17:30:00Z"), Some("2025-03-02T17:30:00Z"));
        check("yesterday", None, None);
        check("2025-13-02", None, None);
    }
}
