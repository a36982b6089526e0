//! Values as text, as JSON or YAML tokens, and in a form that is safe on a terminal.

use std::borrow::Cow;

use catalog::{Field, Value, ValueType};
use domain::{Decimal, Timestamp, visible};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

/// Digits of a double for people: significant digits below one, decimals above.
const DIGITS: usize = 6;

/// Returns a multi-line text of ours, such as a query plan, with every character except line breaks
/// escaped as in [`visible`].
pub(crate) fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// Returns JSON or YAML text without a character that acts on a terminal: inside a quoted text,
/// each one is `\u` and its number in UTF-16. Line breaks are the format's own.
pub(crate) fn visible_document(text: &str) -> Cow<'_, str> {
    let is_raw = |c: char| c != '\n' && domain::is_invisible(c);
    if !text.chars().any(is_raw) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_raw(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}"));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Returns a value for people. Null is `-`, doubles are rounded, and an exact number keeps at least
/// two decimals if its column has two or more (money).
pub(crate) fn format_for_people(value: &Value, ty: &ValueType) -> String {
    match (value, ty) {
        (Value::Null, _) => "-".into(),
        (Value::Float(number), _) => shown_float(*number),
        (Value::Decimal(number), ValueType::Decimal(_, scale)) => exact(number, u32::from(*scale).min(2)),
        (Value::List(values), ty) if flat(values) => {
            let of = if let ValueType::List(of) = ty { of } else { ty };
            values.iter().map(|value| format_for_people(value, of)).collect::<Vec<_>>().join(", ")
        }
        (other, _) => data(other),
    }
}

/// Returns a value for a program that reads text. Null is empty, and numbers keep every digit.
pub(crate) fn data(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        // Debug gives the shortest text that reads back as the same double.
        Value::Float(number) => format!("{number:?}"),
        Value::Decimal(number) => exact(number, 0),
        Value::Text(text) => text.clone(),
        Value::Timestamp(instant) => instant.to_string(),
        Value::Date(days) => date(*days),
        Value::List(values) if flat(values) => values.iter().map(data).collect::<Vec<_>>().join(","),
        Value::List(_) | Value::Struct(_) => {
            serde_json::to_string(&SerializedCell { value, dialect: TextDialect::Json })
                .expect("keys are text, and nothing else can fail")
        }
    }
}

/// Whether no item is a list or a struct.
fn flat(values: &[Value]) -> bool {
    !values.iter().any(|value| matches!(value, Value::List(_) | Value::Struct(_)))
}

/// Returns every digit without trailing zeros, but at least `least` decimals.
fn exact(number: &Decimal, least: u32) -> String {
    let mut number = number.normalize();
    if number.scale() < least {
        number.rescale(least);
    }
    number.to_string()
}

fn shown_float(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    if !(1e-6..1e15).contains(&size) {
        let text = format!("{number:.*e}", DIGITS - 1);
        let (digits, exponent) = text.split_once('e').expect("LowerExp writes an e");
        return format!("{}e{exponent}", trimmed(digits));
    }
    // 0.00012 has its first digit at the fourth decimal, so it gets three more decimals than 0.12.
    let leading = if size < 1.0 { (-size.log10().floor()) as usize - 1 } else { 0 };
    trimmed(&format!("{number:.*}", DIGITS + leading)).to_string()
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Returns a day in ISO 8601. A day outside the years ±9999 is counted from 1970-01-01.
fn date(days: i32) -> String {
    match Timestamp::from_second(i64::from(days) * 24 * 60 * 60) {
        Ok(instant) => instant.to_string().split('T').next().unwrap_or_default().to_string(),
        Err(_) => format!("1970-01-01 {days:+} days"),
    }
}

/// The language that serde writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextDialect {
    /// Exact numbers are written with all digits.
    Json,
    /// Exact numbers are plain if a double has the same digits, otherwise quoted.
    Yaml,
}

/// A row as a mapping, in field order.
pub(crate) struct SerializedRow<'a> {
    pub(crate) fields: &'a [Field],
    pub(crate) values: &'a [Value],
    pub(crate) dialect: TextDialect,
}

impl Serialize for SerializedRow<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.fields.len()))?;
        for (field, value) in self.fields.iter().zip(self.values) {
            map.serialize_entry(&field.name, &SerializedCell { value, dialect: self.dialect })?;
        }
        map.end()
    }
}

struct SerializedCell<'a> {
    value: &'a Value,
    dialect: TextDialect,
}

impl Serialize for SerializedCell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let inner = |value| SerializedCell { value, dialect: self.dialect };
        match self.value {
            Value::Null => to.serialize_unit(),
            Value::Bool(flag) => to.serialize_bool(*flag),
            Value::Int(number) => to.serialize_i64(*number),
            Value::Float(number) => to.serialize_f64(*number),
            Value::Decimal(number) => self.decimal(&exact(number, 0), to),
            Value::Text(text) => to.serialize_str(text),
            Value::Timestamp(_) | Value::Date(_) => to.serialize_str(&data(self.value)),
            Value::List(values) => {
                let mut seq = to.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| seq.serialize_element(&inner(value)))?;
                seq.end()
            }
            Value::Struct(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(name, value)| map.serialize_entry(name, &inner(value)))?;
                map.end()
            }
        }
    }
}

impl SerializedCell<'_> {
    fn decimal<S: Serializer>(&self, digits: &str, to: S) -> Result<S::Ok, S::Error> {
        if self.dialect == TextDialect::Json {
            let token = RawValue::from_string(digits.to_string()).map_err(serde::ser::Error::custom)?;
            return token.serialize(to);
        }
        if let Ok(whole) = digits.parse::<i128>() {
            return to.serialize_i128(whole);
        }
        match digits.parse::<f64>() {
            Ok(double) if double.to_string() == digits => to.serialize_f64(double),
            _ => to.serialize_str(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Value {
        Value::Decimal(text.parse().unwrap())
    }

    #[test]
    fn formats_values_for_people_and_for_programs() {
        let check = |value: Value, ty: ValueType, person: &str, program: &str| {
            assert_eq!(format_for_people(&value, &ty), person, "{value:?}");
            assert_eq!(data(&value), program, "{value:?}");
        };
        let price = || ValueType::Decimal(18, 10);
        check(Value::Null, ValueType::Text, "-", "");
        check(true.into(), ValueType::Bool, "true", "true");
        check(42.into(), ValueType::Int, "42", "42");
        check(decimal("0.0960000000"), price(), "0.096", "0.096");
        check(decimal("12.0000000000"), price(), "12.00", "12");
        check(decimal("3.5"), price(), "3.50", "3.5");
        check(decimal("12"), ValueType::Decimal(38, 0), "12", "12");
        check(decimal("-0.00000000010"), price(), "-0.0000000001", "-0.0000000001");
        check((0.1 + 0.2).into(), ValueType::Float, "0.3", "0.30000000000000004");
        check(3.0.into(), ValueType::Float, "3", "3.0");
        check(1234567.891.into(), ValueType::Float, "1234567.891", "1234567.891");
        check((2.0 / 3.0).into(), ValueType::Float, "0.666667", "0.6666666666666666");
        check(0.00012345678.into(), ValueType::Float, "0.000123457", "0.00012345678");
        check(0.001.into(), ValueType::Float, "0.001", "0.001");
        check(1.5e-9.into(), ValueType::Float, "1.5e-9", "1.5e-9");
        check(1e300.into(), ValueType::Float, "1e300", "1e300");
        check(f64::NAN.into(), ValueType::Float, "NaN", "NaN");
        check(f64::NEG_INFINITY.into(), ValueType::Float, "-inf", "-inf");
        check(
            "2025-03-02T01:02:03.5Z".parse::<Timestamp>().unwrap().into(),
            ValueType::Timestamp,
            "2025-03-02T01:02:03.5Z",
            "2025-03-02T01:02:03.5Z",
        );
        check(Value::Date(20_149), ValueType::Date, "2025-03-02", "2025-03-02");
        check(Value::Date(-1), ValueType::Date, "1969-12-31", "1969-12-31");
        check(
            Value::Date(i32::MAX),
            ValueType::Date,
            "1970-01-01 +2147483647 days",
            "1970-01-01 +2147483647 days",
        );
        check(vec!["a", "b"].into(), ValueType::List(Box::new(ValueType::Text)), "a, b", "a,b");
        check(Value::List(vec![decimal("1.0")]), ValueType::List(Box::new(price())), "1.00", "1");
        let nested = Value::Struct(vec![("k".into(), Value::List(vec![decimal("1.10"), Value::Null]))]);
        check(nested.clone(), ValueType::Json, r#"{"k":[1.1,null]}"#, r#"{"k":[1.1,null]}"#);
        check(Value::List(vec![nested]), ValueType::Json, r#"[{"k":[1.1,null]}]"#, r#"[{"k":[1.1,null]}]"#);
    }

    #[test]
    fn only_line_breaks_of_ours_remain() {
        assert_eq!(visible_lines("LINE 1:\n\x07^\u{2028}"), "LINE 1:\n\\u{7}^\\u{2028}");
        let check = |text: &str| {
            let document = serde_json::to_string_pretty(&[text]).unwrap();
            let shown = visible_document(&document);
            assert!(!shown.chars().any(|c| c != '\n' && domain::is_invisible(c)), "{shown:?}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [text]);
        };
        check("a\n\u{9b}2J\u{7f}");
        check("\u{202e}b\u{61c}\u{ad}\u{e0041}");
    }
}
