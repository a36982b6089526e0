//! Converts the SDK's values to neutral values.

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::Tag;
use catalog::{Dataset, Value};
use domain::{Decimal, Timestamp};
use jiff::fmt::rfc2822::DateTimeParser;

/// Parses the `Date` header of an answer.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

pub(crate) fn at(instant: Option<&DateTime>) -> Value {
    instant.and_then(timestamp).into()
}

pub(crate) fn timestamp(instant: &DateTime) -> Option<Timestamp> {
    Timestamp::new(instant.secs(), instant.subsec_nanos() as i32).ok()
}

pub(crate) fn date_time(instant: Timestamp) -> DateTime {
    DateTime::from_nanos(instant.as_nanosecond()).unwrap_or(DateTime::from_secs(instant.as_second()))
}

/// A variant of one of the SDK's enums, or any text.
pub(crate) fn word<T: AsRef<str> + ?Sized>(text: Option<&T>) -> Value {
    text.map(AsRef::as_ref).into()
}

pub(crate) fn words<T: AsRef<str>>(texts: &[T]) -> Value {
    Value::List(texts.iter().map(|text| text.as_ref().into()).collect())
}

pub(crate) fn whole(number: Option<impl Into<i64>>) -> Value {
    number.map(Into::into).into()
}

pub(crate) fn money(text: Option<&str>) -> Value {
    text.and_then(|text| text.parse::<Decimal>().ok()).into()
}

/// Returns tags as a JSON object. The keys are sorted, so equal tags give equal text.
pub(crate) fn tags(tags: &[Tag]) -> Value {
    let mut pairs: Vec<(&str, &str)> =
        tags.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default()))).collect();
    pairs.sort_unstable();
    let object: serde_json::Map<String, serde_json::Value> =
        pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
    serde_json::Value::Object(object).to_string().into()
}

/// Returns a row: the value of `cell` for each column of the dataset.
pub(crate) fn row(dataset: &Dataset, cell: impl Fn(&str) -> Value) -> Vec<Value> {
    dataset.columns.iter().map(|column| cell(column.name)).collect()
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
        assert_eq!(tags(&[one, other]), r#"{"Env":"x","Name":"a \"b\""}"#.into());
    }
}
