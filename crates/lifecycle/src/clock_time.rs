//! Clock times in the form that people write.

use domain::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan, Zoned};

/// A text in none of the accepted forms. The message names the expected form, with examples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockTimeError {
    /// Not a clock time.
    #[error("\"{0}\" is not a clock time: write 18:00, fri 18:00, fri 18:00 Europe/Berlin, eod or weekend")]
    Clock(String),
    /// Not a time zone of the IANA database.
    #[error("\"{0}\" is not a time zone: write an IANA name such as Europe/Berlin or UTC")]
    Zone(String),
}

/// Reads a clock time and returns the first such instant after `now`.
///
/// `18:00` is today or tomorrow; `fri 18:00` is the coming Friday; `eod` is 18:00; `weekend` is
/// Saturday 00:00. A trailing IANA zone replaces `home`. A local time that the clock skips is taken
/// one hour later; of a repeated local time, the first is taken.
pub fn parse_clock(text: &str, now: Timestamp, home: &TimeZone) -> Result<Timestamp, ClockTimeError> {
    let error = || ClockTimeError::Clock(text.to_string());
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let zone = match words.last() {
        Some(word) if words.len() > 1 && (word.contains('/') || *word == "UTC") => {
            let name = words.pop().unwrap_or_default();
            TimeZoneDatabase::bundled().get(name).map_err(|_| ClockTimeError::Zone(name.to_string()))?
        }
        _ => home.clone(),
    };
    let (day, time) = match words.as_slice() {
        ["eod"] => (None, Time::constant(18, 0, 0, 0)),
        ["weekend"] => (Some(Weekday::Saturday), Time::midnight()),
        [time] => (None, parse_time(time).ok_or_else(error)?),
        [day, time] => (Some(parse_day(day).ok_or_else(error)?), parse_time(time).ok_or_else(error)?),
        _ => return Err(error()),
    };
    next_instant(now.to_zoned(zone), day, time).ok_or_else(error)
}

fn next_instant(now: Zoned, day: Option<Weekday>, time: Time) -> Option<Timestamp> {
    let mut date = now.date();
    for _ in 0..8 {
        if day.is_none_or(|day| day == date.weekday()) {
            let at = date.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
            if at > now {
                return Some(at.timestamp());
            }
        }
        date = date.checked_add(1.day()).ok()?;
    }
    None
}

fn parse_time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str, least: usize| -> Option<i8> {
        let plain = part.len() >= least && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse().ok()).flatten()
    };
    Time::new(number(hour, 1)?, number(minute, 2)?, 0, 0).ok()
}

fn parse_day(text: &str) -> Option<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let lower = text.to_ascii_lowercase();
    DAYS.iter().find(|(name, _)| lower == *name || lower == name[..3]).map(|(_, day)| *day)
}

/// Serde functions that write a span as text, such as `"8h"`, so that its unit is never guessed.
pub mod text {
    use jiff::SignedDuration;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the span as [`domain::format_span`] does.
    pub fn serialize<S: Serializer>(span: &SignedDuration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&domain::format_span(*span))
    }

    /// Reads the span as [`domain::parse_span`] does.
    pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<SignedDuration, D::Error> {
        let text = String::deserialize(input)?;
        domain::parse_span(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_times() {
        // A Thursday noon in UTC; Berlin is two hours ahead until 25 October 2026.
        let now: Timestamp = "2026-10-22T12:00:00Z".parse().expect("an instant");
        let check = |text: &str, expected: &str| {
            let at = parse_clock(text, now, &TimeZone::UTC).map(|at| at.to_string());
            assert_eq!(at.as_deref(), Ok(expected), "{text}");
        };
        check("18:00", "2026-10-22T18:00:00Z");
        check("12:00", "2026-10-23T12:00:00Z");
        check("9:05", "2026-10-23T09:05:00Z");
        check("eod", "2026-10-22T18:00:00Z");
        check("eod Europe/Berlin", "2026-10-22T16:00:00Z");
        check("fri 18:00 Europe/Berlin", "2026-10-23T16:00:00Z");
        check("thu 12:00 UTC", "2026-10-29T12:00:00Z");
        check("Thursday 12:01", "2026-10-22T12:01:00Z");
        check("weekend", "2026-10-24T00:00:00Z");
        // 02:30 occurs twice on 25 October 2026, and not at all on 28 March 2027.
        check("sun 02:30 Europe/Berlin", "2026-10-25T00:30:00Z");
        let march: Timestamp = "2027-03-27T12:00:00Z".parse().expect("an instant");
        let skipped = parse_clock("02:30 Europe/Berlin", march, &TimeZone::UTC).map(|at| at.to_string());
        assert_eq!(skipped.as_deref(), Ok("2027-03-28T01:30:00Z"));
    }

    #[test]
    fn a_malformed_clock_time_is_an_error_with_an_example() {
        for bad in
            ["", "25:00", "18", "18:0", "18:60", "noon", "fri", "xyz 18:00", "fri 18:00 sharp now", "eod eod"]
        {
            let error = parse_clock(bad, Timestamp::UNIX_EPOCH, &TimeZone::UTC).expect_err(bad);
            assert!(error.to_string().contains("write 18:00, fri 18:00"), "{error}");
        }
        let error = parse_clock("18:00 Europe/Berlinn", Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        assert_eq!(error, Err(ClockTimeError::Zone("Europe/Berlinn".to_string())));
    }
}
