use domain::{RegionNameError, Timestamp};

use crate::Failure;

/// Returns the known word nearest to `word`, or `None` if none is near enough. The limit is one
/// slip (a wrong, missing, extra or swapped letter) for every three letters, and at least one.
/// Letter case does not matter.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= slips && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the end of an error about `word`: `; the closest match is x`, or nothing.
pub fn suggest_closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |name| format!("; the closest match is {name}"))
}

/// Reads a region as people and other tools write it, such as `Frankfurt`, and returns its code. An
/// error names `flag` as the place of the text.
pub fn read_region(flag: &str, text: &str) -> Result<String, Failure> {
    domain::parse_region_name(text.trim()).map(|region| region.to_string()).map_err(|error| {
        let hint = match &error {
            RegionNameError::Several { regions, .. } => format!("choose one: {flag} {}", regions.join(",")),
            RegionNameError::Zone { region, .. } => format!("{flag} {region}"),
            RegionNameError::Unknown(_) => {
                let near = suggest_closest(text, domain::region_names());
                return Failure::usage(format!("unknown region \"{text}\"{near}"))
                    .hint("truffle regions lists the regions");
            }
        };
        Failure::usage(format!("{flag}: {error}")).hint(hint)
    })
}

const DAY: i64 = 24 * 60 * 60;
/// Seconds by which the clocks of well-kept machines may differ.
const CLOCK_SLACK: i64 = 5 * 60;

/// Returns the age of an observation in the largest useful unit: "today", "3 days", "5 weeks", "20
/// months", "4 years". An age below one day is "today". An observation more than five minutes after
/// `now` is impossible, and the text reports that.
pub fn describe_age(observed: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - observed.as_second();
    if seconds < -CLOCK_SLACK {
        return "in the future (clock?)".into();
    }
    let days = seconds.max(0) / DAY;
    match days {
        0 => "today".into(),
        1..=20 => counted(days, "day"),
        21..=62 => counted(days / 7, "week"),
        // A mean month has 30.44 days.
        63..=1095 => counted(days * 100 / 3044, "month"),
        _ => counted(days * 100 / 36525, "year"),
    }
}

/// Returns an instant for people: "in 59 min", "3 h ago", or the day if it is more than 48 hours
/// away.
pub(crate) fn describe_instant(instant: Timestamp, now: Timestamp) -> String {
    let seconds = instant.as_second() - now.as_second();
    let size = seconds.abs();
    let span = match size {
        0 => return "now".into(),
        1..60 => format!("{size} s"),
        60..3600 => format!("{} min", size / 60),
        3600..=172_800 => format!("{} h", size / 3600),
        _ => return instant.strftime("%Y-%m-%d").to_string(),
    };
    if seconds > 0 { format!("in {span}") } else { format!("{span} ago") }
}

fn counted(number: i64, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_word() {
        let known = ["vcpus", "memory_mib", "region", "gpus", "on_demand_price"];
        let check = |word: &str, expected: Option<&str>| assert_eq!(nearest(word, known), expected, "{word}");
        check("vcpu", Some("vcpus"));
        check("VCPUS", Some("vcpus"));
        check("regoin", Some("region"));
        check("gpu", Some("gpus"));
        check("memory_gib", Some("memory_mib"));
        check("on-demand-price", Some("on_demand_price"));
        check("banana", None);
        check("x", None);
        check("", None);
    }

    #[test]
    fn instants_are_relative_up_to_two_days() {
        let check = |instant: &str, expected: &str| {
            let now = "2026-11-23T12:00:00Z".parse().unwrap();
            assert_eq!(describe_instant(instant.parse().unwrap(), now), expected, "{instant}");
        };
        check("2026-11-23T12:00:00Z", "now");
        check("2026-11-23T12:00:59Z", "in 59 s");
        check("2026-11-23T11:59:59Z", "1 s ago");
        check("2026-11-23T12:59:59Z", "in 59 min");
        check("2026-11-23T13:00:00Z", "in 1 h");
        check("2026-11-23T08:30:00Z", "3 h ago");
        check("2026-11-25T12:00:00Z", "in 48 h");
        check("2026-11-25T12:00:01Z", "2026-11-25");
        check("2026-11-21T11:59:59Z", "2026-11-21");
    }

    #[test]
    fn formats_ages_in_the_largest_unit() {
        let check = |observed: &str, expected: &str| {
            let now = "2026-11-23T12:00:00Z".parse().unwrap();
            assert_eq!(describe_age(observed.parse().unwrap(), now), expected, "{observed}");
        };
        check("2026-11-23T11:59:00Z", "today");
        check("2026-11-22T13:00:00Z", "today");
        check("2026-11-23T12:04:00Z", "today");
        check("2026-11-23T12:06:00Z", "in the future (clock?)");
        check("2026-11-22T12:00:00Z", "1 day");
        check("2026-11-20T00:00:00Z", "3 days");
        check("2026-11-02T12:00:00Z", "3 weeks");
        check("2026-10-19T12:00:00Z", "5 weeks");
        check("2026-09-21T11:00:00Z", "2 months");
        check("2025-03-02T00:00:00Z", "20 months");
        check("2024-02-21T00:00:00Z", "33 months");
        check("2022-11-01T00:00:00Z", "4 years");
    }
}
