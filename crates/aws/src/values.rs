//! Converts the SDK's values to neutral values.

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::Tag;
use catalog::Dataset;
use domain::{Decimal, Timestamp};
use jiff::fmt::rfc2822::DateTimeParser;

/// Parses the `Date` header of an answer.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// Parses the `X-Amz-Date` header of a request, such as `20261130T120000Z`.
pub(crate) fn signature_date(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

pub(crate) fn at(instant: Option<&DateTime>) -> Option<Timestamp> {
    instant.and_then(timestamp)
}

pub(crate) fn timestamp(instant: &DateTime) -> Option<Timestamp> {
    Timestamp::new(instant.secs(), instant.subsec_nanos() as i32).ok()
}

pub(crate) fn date_time(instant: Timestamp) -> DateTime {
    DateTime::from_nanos(instant.as_nanosecond()).unwrap_or(DateTime::from_secs(instant.as_second()))
}

/// A variant of one of the SDK's enums, or any text.
pub(crate) fn word<T: AsRef<str> + ?Sized>(text: Option<&T>) -> Option<String> {
    text.map(|text| text.as_ref().to_string())
}

pub(crate) fn words<T: AsRef<str>>(texts: &[T]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().to_string()).collect()
}

/// Returns texts in alphabetical order.
pub(crate) fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut texts: Vec<String> = texts.map(String::from).collect();
    texts.sort_unstable();
    texts
}

pub(crate) fn whole(number: Option<impl Into<i64>>) -> Option<i64> {
    number.map(Into::into)
}

pub(crate) fn money(text: Option<&str>) -> Option<Decimal> {
    text.and_then(|text| text.parse().ok())
}

/// Returns tags as a JSON object. The keys are sorted, so equal tags give equal text.
pub(crate) fn tags(tags: &[Tag]) -> String {
    let mut pairs: Vec<(&str, &str)> =
        tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect();
    pairs.sort_unstable();
    let object: serde_json::Map<String, serde_json::Value> =
        pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// Returns the name of a dataset's source: AWS and the main call.
pub(crate) fn source_of(dataset: &Dataset) -> String {
    format!("AWS {}", dataset.origin.actions.first().unwrap_or(&dataset.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_date_header_of_an_answer() {
        let at = |text: &str| http_date(text).map(|at| at.to_string());
        assert_eq!(at("Mon, 23 Nov 2026 12:44:27 GMT").as_deref(), Some("2026-11-23T12:44:27Z"));
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn equal_tags_give_equal_text() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let [one, other] = [tag("Name", "a \"b\""), tag("Env", "x")];
        assert_eq!(tags(&[one.clone(), other.clone()]), tags(&[other.clone(), one.clone()]));
        assert_eq!(tags(&[one, other]), r#"{"Env":"x","Name":"a \"b\""}"#);
    }
}
