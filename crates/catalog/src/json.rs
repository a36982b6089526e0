use crate::Value;

/// Returns a value as JSON text. Exact numbers keep their digits. Instants and days are ISO 8601
/// texts. A double that JSON cannot represent (NaN, infinity) becomes null.
pub fn json_text(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) if number.is_finite() => out.push_str(&float_text(*number)),
        Value::Float(_) => out.push_str("null"),
        Value::Decimal(number) => out.push_str(&number.normalize().to_string()),
        Value::Text(text) => quote(out, text),
        Value::Timestamp(instant) => quote(out, &instant.to_string()),
        Value::Date(days) => quote(out, &day_text(*days)),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                write(out, item);
            }
            out.push(']');
        }
        Value::Struct(entries) => {
            out.push('{');
            for (at, (name, item)) in entries.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                quote(out, name);
                out.push(':');
                write(out, item);
            }
            out.push('}');
        }
    }
}

/// Returns the shortest text that reads back as the same finite double: `3.0`, `0.1`, `1e300`.
pub fn float_text(number: f64) -> String {
    format!("{number:?}")
}

/// Returns a day as ISO 8601 text such as `2025-03-02`. `days` counts from 1970-01-01.
pub fn day_text(days: i32) -> String {
    domain::day(days).map_or_else(|| format!("day {days}"), |date| date.to_string())
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_values_as_json() {
        let check = |value: Value, expected: &str| assert_eq!(json_text(&value), expected);
        check(Value::Null, "null");
        check(Value::Float(3.0), "3.0");
        check(Value::Float(f64::NAN), "null");
        check(Value::Decimal("0.1000000000".parse().unwrap()), "0.1");
        check("a\"b\\c\u{1b}".into(), r#""a\"b\\c\u001b""#);
        check(Value::Date(20149), "\"2025-03-02\"");
        check(Value::Timestamp("2025-03-02T01:02:03Z".parse().unwrap()), "\"2025-03-02T01:02:03Z\"");
        check(
            Value::Struct(vec![
                ("a".into(), Value::List(vec![1.into(), Value::Null])),
                ("b".into(), true.into()),
            ]),
            r#"{"a":[1,null],"b":true}"#,
        );
    }
}
