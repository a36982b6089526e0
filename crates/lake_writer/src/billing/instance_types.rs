//! The instance type of a line, from the columns that may name it.

use std::collections::HashMap;

use polars::prelude::StringChunked;
use serde_json::{Map, Value};

use super::piece::BillPiece;

/// Returns the instance type of each line: from the properties of the price in `details`, a map,
/// or else from the first of the `usages`, which are usage types or meters, that names one.
pub(super) fn instance_types(
    piece: &BillPiece<'_>,
    details: &str,
    usages: &[&str],
) -> Result<StringChunked, String> {
    let details = piece.peek_map(details)?;
    let usages = usages.iter().filter_map(|key| piece.peek_text(key).transpose());
    let usages: Vec<StringChunked> = usages.collect::<Result<_, _>>()?;
    // Most lines repeat a text.
    let mut known: HashMap<&str, Option<String>> = HashMap::new();
    let of_row = |row: usize| {
        let map = details.as_ref().and_then(|details| details.get(row));
        let stated = map.and_then(|map| known.entry(map).or_insert_with(|| of_properties(map)).clone());
        stated.or_else(|| usages.iter().find_map(|usage| of_usage(usage.get(row)?).map(String::from)))
    };
    Ok((0..piece.height()).map(of_row).collect())
}

/// Returns the property `InstanceType` of a price, in any spelling of its name.
fn of_properties(map: &str) -> Option<String> {
    let properties: Map<String, Value> = serde_json::from_str(map).ok()?;
    let is_type = |name: &str| {
        let letters = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
        letters.eq("instancetype".chars())
    };
    let found = properties.iter().find(|(name, _)| is_type(name.trim_start_matches("x_")))?;
    found.1.as_str().filter(|name| !name.is_empty()).map(String::from)
}

/// Returns the instance type in a usage type such as `EUW2-BoxUsage:t3.xlarge`. Other usage types,
/// such as `EBS:VolumeUsage.gp3`, contain upper-case letters after the colon.
fn of_usage(usage: &str) -> Option<&str> {
    let (_, name) = usage.rsplit_once(':')?;
    let is_type = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    (name.contains('.') && name.chars().all(is_type)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_type_in_properties_and_usage_types() {
        let check = |usage: &str, expected: Option<&str>| assert_eq!(of_usage(usage), expected, "{usage}");
        check("EUW2-BoxUsage:t3.xlarge", Some("t3.xlarge"));
        check("SpotUsage:u7i-12tb.224xlarge", Some("u7i-12tb.224xlarge"));
        check("InstanceUsage:db.r6g.large", Some("db.r6g.large"));
        check("USE2-EBS:VolumeUsage.gp3", None);
        check("APN1-CPUCredits:t3", None);
        check("Fargate-vCPU-Hours:perCPU", None);
        check("DataTransfer-Out-Bytes", None);
        let check =
            |map: &str, expected: Option<&str>| assert_eq!(of_properties(map).as_deref(), expected, "{map}");
        check(r#"{"Tenancy": "Shared", "InstanceType": "m7g.large"}"#, Some("m7g.large"));
        check(r#"{"x_instance_type":"c5.large"}"#, Some("c5.large"));
        check(r#"{"InstanceTypeFamily": "c5", "InstanceType": ""}"#, None);
    }
}
