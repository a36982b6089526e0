//! The user's time zone, for clock times such as 18:00.

#![allow(clippy::disallowed_methods, reason = "the time zone is an environment variable or a link")]

use std::env;
use std::fs;

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The link that names the system's time zone.
const LINK: &str = "/etc/localtime";

/// Returns the time zone of the variable TZ, else that of the system, else UTC. Its rules are those
/// of the database in this program.
pub(crate) fn local_time_zone() -> TimeZone {
    let variable = env::var("TZ").ok().filter(|name| !name.is_empty());
    let link = || fs::read_link(LINK).ok().and_then(|target| target.to_str().map(String::from));
    let name = variable.or_else(link).unwrap_or_default();
    TimeZoneDatabase::bundled().get(zone_name(&name)).unwrap_or(TimeZone::UTC)
}

/// Returns the IANA name in a path such as `/usr/share/zoneinfo/Europe/Berlin`, or in a value of
/// TZ.
fn zone_name(text: &str) -> &str {
    text.rsplit_once("zoneinfo/").map_or(text, |(_, name)| name).trim_start_matches(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_values_of_tz_name_a_zone() {
        let check = |text: &str, expected: &str| assert_eq!(zone_name(text), expected);
        check("../usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin");
        check("/usr/share/zoneinfo/UTC", "UTC");
        check(":America/New_York", "America/New_York");
        check("Asia/Tokyo", "Asia/Tokyo");
    }
}
