//! Parses the values of launch settings. One grammar serves flags, variables and files.

use std::net::IpAddr;

use console::suggest_closest;
use domain::{InstanceType, Region, parse_exact, parse_memory_mib, parse_region_name, parse_span};
use jiff::SignedDuration;
use lifecycle::EndAction;

use crate::delivery::DeliveryMethod;

/// A parser. The error is a sentence that quotes the value.
pub(crate) type ValueParser<T> = fn(&str) -> Result<T, String>;

/// The most characters of a tag's value, by AWS's tag restrictions.
const LONGEST_TEXT: usize = 256;

/// The largest root disk in GiB: the limit of EBS volumes.
const LARGEST_DISK: u32 = 65_536;

/// Returns a text of one line.
pub(crate) fn parse_line(text: &str) -> Result<String, String> {
    match text.chars().count() {
        0 => Err("the value is empty".into()),
        count if count > LONGEST_TEXT => Err(format!("{count} characters are more than {LONGEST_TEXT}")),
        _ if text.chars().any(char::is_control) => Err(format!("{text:?} contains a control character")),
        _ => Ok(text.to_string()),
    }
}

/// Returns an instance type. Letter case does not matter.
pub(crate) fn parse_type(text: &str) -> Result<InstanceType, String> {
    InstanceType::parse(&text.to_lowercase()).map_err(|error| error.to_string())
}

/// Returns a region, which may be written as its place, such as `Frankfurt`.
pub(crate) fn parse_region(text: &str) -> Result<Region, String> {
    parse_region_name(text.trim()).map_err(|error| error.to_string())
}

/// Returns a zone's name or id.
pub(crate) fn parse_zone(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text.starts_with('-') || text.len() > 64 || !text.chars().all(is_plain) {
        return Err(format!("\"{text}\" is not a zone such as eu-central-1a or euc1-az2"));
    }
    Ok(text.to_string())
}

/// Returns a span of time.
pub(crate) fn parse_time(text: &str) -> Result<SignedDuration, String> {
    parse_span(text).map_err(|error| error.to_string())
}

/// Returns the action at an end.
pub(crate) fn parse_action(text: &str) -> Result<EndAction, String> {
    let actions = [EndAction::Stop, EndAction::Hibernate, EndAction::Terminate];
    actions.into_iter().find(|action| action.verb() == text).ok_or_else(|| {
        let near = suggest_closest(text, actions.map(EndAction::verb));
        format!("\"{text}\" is not stop, hibernate or terminate{near}")
    })
}

/// Returns yes or no.
pub(crate) fn parse_switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("\"{text}\" is not yes or no")),
    }
}

/// Returns a disk's size in GiB. A number without a unit is GiB.
pub(crate) fn parse_disk(text: &str) -> Result<u32, String> {
    let gib = parse_memory_mib(text).map_or(f64::NAN, |mib| mib / 1024.0);
    if gib.fract() == 0.0 && (1.0..=f64::from(LARGEST_DISK)).contains(&gib) {
        return Ok(gib as u32);
    }
    Err(format!("\"{text}\" is not a disk size in whole GiB from 1 to {LARGEST_DISK}, such as 50"))
}

/// Returns a price per hour as it was written, for AWS reads the same decimal text.
pub(crate) fn parse_price(text: &str) -> Result<String, String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match parse_exact(text, 18, 10).filter(|price| is_plain && *price > 0) {
        Some(_) => Ok(text.to_string()),
        None => Err(format!("\"{text}\" is not a price in dollars per hour such as 0.05")),
    }
}

/// Returns the way of spawnd to the instance, as it was written.
pub(crate) fn parse_delivery(text: &str) -> Result<String, String> {
    DeliveryMethod::parse(text).map_err(|failure| failure.message)?;
    parse_line(text)
}

/// Returns a login name, by the rules of useradd.
pub(crate) fn parse_login(text: &str) -> Result<String, String> {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '_';
    let is_next = |c: char| is_first(c) || c.is_ascii_digit() || c == '-';
    if text.len() > 32 || !text.starts_with(is_first) || !text.chars().all(is_next) {
        return Err(format!("\"{text}\" is not a login name such as ubuntu"));
    }
    Ok(text.to_string())
}

/// Returns the source of ssh connections: `auto`, `none` or a network.
pub(crate) fn parse_source(text: &str) -> Result<String, String> {
    let is_network = || {
        let (address, bits) = text.split_once('/')?;
        let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        Some(bits.parse::<u8>().ok()? <= most)
    };
    if ["auto", "none"].contains(&text) || is_network().unwrap_or(false) {
        return Ok(text.to_string());
    }
    Err(format!("\"{text}\" is not auto, none or a network such as 203.0.113.0/24"))
}

/// Returns a bastion host: `[USER@]HOST[:PORT]`. It cannot be taken for an option of ssh.
pub(crate) fn parse_jump(text: &str) -> Result<String, String> {
    let (user, host) = text.split_once('@').map_or((None, text), |(user, host)| (Some(user), host));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    let is_host = !host.is_empty() && !host.starts_with('-') && host.chars().all(is_plain);
    if text.len() > LONGEST_TEXT || !is_host || user.is_some_and(|user| parse_login(user).is_err()) {
        return Err(format!("\"{text}\" is not a host such as ann@bastion.example.com or 203.0.113.7:2222"));
    }
    Ok(text.to_string())
}

/// Refuses a name that cannot be that of an environment variable.
pub(crate) fn check_variable(name: &str) -> Result<(), String> {
    let is_next = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_next) {
        return Err(format!("\"{name}\" is not a name of an environment variable such as WANDB_MODE"));
    }
    Ok(())
}

/// Returns the value of an environment variable, which may be empty.
pub(crate) fn parse_variable(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("the value contains a control character".into());
    }
    Ok(text.to_string())
}

/// Returns the value of a tag, which may be empty.
pub(crate) fn parse_tag(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { parse_line(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parsed_or_refused_with_an_example() {
        fn check<T: std::fmt::Debug + PartialEq>(parse: ValueParser<T>, text: &str, expected: Option<T>) {
            assert_eq!(parse(text).ok(), expected, "{text:?}");
        }
        check(parse_disk, "50", Some(50));
        check(parse_disk, "50GiB", Some(50));
        check(parse_disk, "1tb", Some(1024));
        for bad in ["0", "0.5", "-1", "65537", "big", "50,60", ""] {
            check(parse_disk, bad, None);
        }
        check(parse_switch, "Yes", Some(true));
        check(parse_switch, "false", Some(false));
        check(parse_switch, "on", None);
        check(parse_price, "0.0500", Some("0.0500".into()));
        for bad in ["0", "-1", "1e3", "", ".", "cheap", "$1"] {
            check(parse_price, bad, None);
        }
        check(parse_action, "hibernate", Some(EndAction::Hibernate));
        check(parse_action, "Stop", None);
        check(parse_zone, "euc1-az2", Some("euc1-az2".into()));
        check(parse_zone, "--zone", None);
        check(parse_source, "203.0.113.0/24", Some("203.0.113.0/24".into()));
        check(parse_source, "2001:db8::/128", Some("2001:db8::/128".into()));
        for bad in ["203.0.113.7", "203.0.113.0/33", "2001:db8::/129", "me", "/24"] {
            check(parse_source, bad, None);
        }
        check(parse_line, "a\nb", None);
        check(parse_line, &"x".repeat(257), None);
    }

    #[test]
    fn no_text_becomes_an_option_of_ssh() {
        for bad in ["-oProxyCommand=x", "ann@-oX", "-l@host", "a b", "host;id", "ann@", "", "$(id)@host"] {
            assert!(parse_jump(bad).is_err(), "{bad:?}");
        }
        for good in ["bastion", "ann@bastion.example.com", "203.0.113.7:2222", "ann@[2001:db8::1]:22"] {
            assert_eq!(parse_jump(good).as_deref(), Ok(good));
        }
        for bad in ["-oX", "root user", "", "Ünal", "0day"] {
            assert!(parse_login(bad).is_err(), "{bad:?}");
        }
    }
}
