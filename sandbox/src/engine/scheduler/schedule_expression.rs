//! Schedule expressions of EventBridge Scheduler: `at(…)`, `rate(…)` and `cron(…)` ("Schedule
//! types", EventBridge Scheduler User Guide).

use domain::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};

/// A schedule expression, in its time zone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ScheduleExpression {
    /// Once.
    At(Timestamp),
    /// Repeatedly, at this interval.
    Rate(SignedDuration),
    Cron(Box<CronFields>),
}

/// The six fields of a cron expression, as lists of matching values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CronFields {
    minutes: Vec<i64>,
    hours: Vec<i64>,
    /// `None` stands for `?`.
    days: Option<Vec<i64>>,
    months: Vec<i64>,
    /// Sunday is 1. `None` stands for `?`.
    weekdays: Option<Vec<i64>>,
    years: Vec<i64>,
    zone: TimeZone,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// How many days ahead the next match of a cron expression is searched for.
const HORIZON: i64 = 366 * 8;

impl ScheduleExpression {
    /// Parses an expression; returns none if it is invalid. `L`, `W` and `#` of cron are not
    /// supported.
    pub(crate) fn read(text: &str, zone: &TimeZone) -> Option<ScheduleExpression> {
        let (kind, rest) = text.trim().split_once('(')?;
        let inner = rest.strip_suffix(')')?.trim();
        match kind {
            "at" => {
                let time = DateTime::strptime("%Y-%m-%dT%H:%M:%S", inner).ok()?;
                time.to_zoned(zone.clone()).ok().map(|at| ScheduleExpression::At(at.timestamp()))
            }
            "rate" => rate(inner).map(ScheduleExpression::Rate),
            "cron" => CronFields::read(inner, zone).map(|cron| ScheduleExpression::Cron(Box::new(cron))),
            _ => None,
        }
    }

    /// Returns the first time after `after`. A rate counts from `begin`.
    pub(crate) fn next(&self, begin: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            ScheduleExpression::At(at) => Some(*at).filter(|at| *at > after),
            ScheduleExpression::Rate(span) => {
                let period = span.as_secs();
                let passed = after.duration_since(begin).as_secs().max(0);
                begin.checked_add(SignedDuration::from_secs((passed / period + 1) * period)).ok()
            }
            ScheduleExpression::Cron(cron) => cron.next(after),
        }
    }
}

/// Parses a rate such as `5 minutes`, `1 hour` or `2 days`. The unit is singular only for 1.
fn rate(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_once(' ')?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0)?;
    let unit = unit.trim();
    let singular = if number == 1 { unit } else { unit.strip_suffix('s')? };
    let minutes = match singular {
        "minute" => 1,
        "hour" => 60,
        "day" => 1440,
        _ => return None,
    };
    number.checked_mul(minutes * 60).map(SignedDuration::from_secs)
}

impl CronFields {
    fn read(text: &str, zone: &TimeZone) -> Option<CronFields> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields.as_slice() else { return None };
        // Exactly one of the two fields must be `?`.
        if (*days == "?") == (*weekdays == "?") {
            return None;
        }
        let optional = |text: &str, bounds, names: &[&str]| match text {
            "?" => Some(None),
            text => values(text, bounds, names).map(Some),
        };
        Some(CronFields {
            minutes: values(minutes, (0, 59), &[])?,
            hours: values(hours, (0, 23), &[])?,
            days: optional(days, (1, 31), &[])?,
            months: values(months, (1, 12), &MONTHS)?,
            weekdays: optional(weekdays, (1, 7), &WEEKDAYS)?,
            years: values(years, (1970, 2199), &[])?,
            zone: zone.clone(),
        })
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let first = after.to_zoned(self.zone.clone()).date();
        (0..HORIZON).find_map(|days| {
            let date = first.checked_add(days.days()).ok().filter(|date| self.fits(*date))?;
            let times =
                self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (*hour, *minute)));
            let instant = |(hour, minute): (i64, i64)| {
                let time = date.at(hour as i8, minute as i8, 0, 0);
                time.to_zoned(self.zone.clone()).ok().map(|at| at.timestamp()).filter(|at| *at > after)
            };
            times.filter_map(instant).min()
        })
    }

    fn fits(&self, date: Date) -> bool {
        let weekday = i64::from(date.weekday().to_sunday_one_offset());
        self.years.contains(&i64::from(date.year()))
            && self.months.contains(&i64::from(date.month()))
            && self.days.as_ref().is_none_or(|days| days.contains(&i64::from(date.day())))
            && self.weekdays.as_ref().is_none_or(|weekdays| weekdays.contains(&weekday))
    }
}

/// Parses one field: `*`, `5`, `1-5`, `*/15`, `MON-FRI`, and lists of these. Returns the matching
/// values, sorted.
fn values(text: &str, (least, most): (i64, i64), names: &[&str]) -> Option<Vec<i64>> {
    let number = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        named.map(|at| at as i64 + least).or_else(|| text.parse().ok())
    };
    let mut all = Vec::new();
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<i64>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from < least || to > most || from > to {
            return None;
        }
        all.extend((from..=to).step_by(step as usize));
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the first three times after 2026-01-30T22:30:00Z (a Friday), for a schedule made
    /// then.
    fn check(text: &str, expected: &[&str]) {
        let begin: Timestamp = "2026-01-30T22:30:00Z".parse().unwrap();
        let expression = ScheduleExpression::read(text, &TimeZone::UTC).unwrap_or_else(|| panic!("{text}"));
        let (mut at, mut found) = (begin, Vec::new());
        while let Some(next) = expression.next(begin, at).filter(|_| found.len() < 3) {
            found.push(next.to_string());
            at = next;
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn finds_the_next_times_of_an_expression() {
        check("at(2026-02-01T08:00:00)", &["2026-02-01T08:00:00Z"]);
        check("at(2026-01-01T00:00:00)", &[]);
        check("rate(1 hour)", &["2026-01-30T23:30:00Z", "2026-01-31T00:30:00Z", "2026-01-31T01:30:00Z"]);
        check("rate(90 minutes)", &["2026-01-31T00:00:00Z", "2026-01-31T01:30:00Z", "2026-01-31T03:00:00Z"]);
        check(
            "cron(0 8 ? * MON-FRI *)",
            &["2026-02-02T08:00:00Z", "2026-02-03T08:00:00Z", "2026-02-04T08:00:00Z"],
        );
        check(
            "cron(*/20 23 30,31 1 ? *)",
            &["2026-01-30T23:00:00Z", "2026-01-30T23:20:00Z", "2026-01-30T23:40:00Z"],
        );
        check(
            "cron(15 12 1 */6 ? 2026-2027)",
            &["2026-07-01T12:15:00Z", "2027-01-01T12:15:00Z", "2027-07-01T12:15:00Z"],
        );
    }

    #[test]
    fn rejects_invalid_expressions() {
        for bad in [
            "",
            "at()",
            "at(nonsense)",
            "at(2026-13-01T00:00:00)",
            "at(2026-01-01)",
            "rate(1 hours)",
            "rate(2 hour)",
            "rate(0 minutes)",
            "rate(5 parsecs)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(0 8 ? * MON)",
            "cron(60 8 ? * MON *)",
            "cron(0 8 ? * 6L *)",
            "every(1 hour)",
        ] {
            assert_eq!(ScheduleExpression::read(bad, &TimeZone::UTC), None, "{bad}");
        }
    }
}
