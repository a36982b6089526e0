//! Maps of a bill, such as tags, as JSON objects of texts.

use catalog::UNREADABLE_TAGS;
use polars::prelude::{AnyValue, DataType, PlSmallStr, Series, StringChunked, StringChunkedBuilder};
use serde_json::{Map, Value};

/// The content of a map that a file spells as text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum MapText {
    /// It has no entries.
    Empty,
    /// A JSON object.
    Object(String),
    /// It is in none of the known spellings.
    Unreadable,
}

impl MapText {
    /// Reads a map in one of these spellings: a JSON object, a JSON list of keys and values, or
    /// `{key=value, key=value}`, as Athena prints a map.
    pub(super) fn parse(text: &str) -> MapText {
        let text = text.trim();
        if matches!(text, "" | "{}" | "[]" | "null" | "NULL") {
            return MapText::Empty;
        }
        match serde_json::from_str(text) {
            // The file's own spelling is kept where it is a JSON object of texts already.
            Ok(Value::Object(entries)) if entries.values().all(Value::is_string) => {
                MapText::Object(text.into())
            }
            Ok(Value::Object(entries)) => MapText::of(entries.into_iter()),
            Ok(Value::Array(items)) => {
                let entries: Option<Vec<_>> = items.into_iter().map(entry).collect();
                entries.map_or(MapText::Unreadable, |entries| MapText::of(entries.into_iter()))
            }
            Ok(_) => MapText::Unreadable,
            Err(_) => athena_entries(text).map_or(MapText::Unreadable, |entries| {
                MapText::of(entries.into_iter().map(|(key, value)| (key, value.into())))
            }),
        }
    }

    /// Returns the map of these entries. Entries without a value are left out.
    fn of(entries: impl Iterator<Item = (String, Value)>) -> MapText {
        let with_value = entries.filter(|(_, value)| !value.is_null());
        let object: Map<String, Value> = with_value.map(|(key, value)| (key, plain(value).into())).collect();
        if object.is_empty() { MapText::Empty } else { MapText::Object(Value::Object(object).to_string()) }
    }
}

/// Returns the object that stands for an unreadable map: its text is kept under a key of its own,
/// so that its line does not count as one without entries.
pub(super) fn unreadable_object(text: &str) -> String {
    Value::Object(Map::from_iter([(UNREADABLE_TAGS.to_string(), text.into())])).to_string()
}

/// Returns the key and the value of a list's item: `{"key": …, "value": …}` or `[key, value]`.
fn entry(item: Value) -> Option<(String, Value)> {
    let (key, value) = match item {
        Value::Object(mut fields) if fields.len() == 2 => {
            let mut field = |names: [&str; 2]| names.iter().find_map(|name| fields.remove(*name));
            (field(["key", "Key"])?, field(["value", "Value"])?)
        }
        Value::Array(pair) => {
            let [key, value]: [Value; 2] = pair.try_into().ok()?;
            (key, value)
        }
        _ => return None,
    };
    Some((key.as_str()?.to_string(), value))
}

/// Splits `{key=value, key=value}`. Athena does not mark a comma within a value, so a part without
/// `=` continues the value before it.
fn athena_entries(text: &str) -> Option<Vec<(String, String)>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    // A quote means damaged JSON.
    if inner.starts_with(['"', '\'', '{']) {
        return None;
    }
    let mut entries: Vec<(String, String)> = Vec::new();
    for part in inner.split(", ") {
        match (part.split_once('='), entries.last_mut()) {
            (Some(("", _)), _) => return None,
            (Some((key, value)), _) => entries.push((key.into(), value.into())),
            (None, Some((_, value))) => {
                value.push_str(", ");
                value.push_str(part);
            }
            (None, None) => return None,
        }
    }
    entries.retain(|(_, value)| value != "null");
    Some(entries)
}

/// Returns a value as text.
fn plain(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Returns whether a column of this type holds maps, lists or structs.
pub(super) fn is_nested(ty: &DataType) -> bool {
    matches!(ty, DataType::List(_) | DataType::Struct(_))
}

/// Converts a nested column to texts: maps and structs to JSON objects of texts, other lists to
/// JSON lists. Empty ones are null. The error is a lowercase fragment.
pub(super) fn nested_texts(column: &Series) -> Result<StringChunked, String> {
    let is_map = match column.dtype() {
        DataType::List(of) => matches!(&**of, DataType::Struct(fields) if fields.len() == 2),
        _ => false,
    };
    if let Some(texts) = is_map.then(|| maps_of_texts(column)).flatten() {
        return Ok(texts);
    }
    let text = |value: AnyValue<'_>| {
        let found = match json_of(&value)? {
            Value::Array(items) if items.is_empty() => MapText::Empty,
            Value::Array(items) if is_map => MapText::of(items.into_iter().filter_map(map_entry)),
            Value::Object(fields) => MapText::of(fields.into_iter()),
            Value::Null => MapText::Empty,
            other => MapText::Object(other.to_string()),
        };
        Ok(match found {
            MapText::Object(text) => Some(text),
            MapText::Empty | MapText::Unreadable => None,
        })
    };
    column.iter().map(text).collect()
}

/// Converts maps of texts, which nearly all are. None for a column of other maps.
fn maps_of_texts(column: &Series) -> Option<StringChunked> {
    let list = column.list().ok()?.rechunk();
    let entries = list.get_inner();
    let parts = entries.struct_().ok()?.fields_as_series();
    let [keys, values] = parts.as_slice() else { return None };
    let (keys, values) = (keys.str().ok()?.rechunk(), values.str().ok()?.rechunk());
    let offsets = list.downcast_iter().next()?.offsets().clone();
    let mut objects = StringChunkedBuilder::new(PlSmallStr::EMPTY, list.len());
    let mut object = String::new();
    for row in 0..list.len() {
        object.clear();
        for at in offsets[row] as usize..offsets[row + 1] as usize {
            let (Some(key), Some(value)) = (keys.get(at), values.get(at)) else { continue };
            object.push(if object.is_empty() { '{' } else { ',' });
            push_json(&mut object, key);
            object.push(':');
            push_json(&mut object, value);
        }
        match object.is_empty() {
            true => objects.append_null(),
            false => {
                object.push('}');
                objects.append_value(&object);
            }
        }
    }
    Some(objects.finish())
}

/// Appends a text as a JSON string.
pub(super) fn push_json(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        let quoted = serde_json::to_string(text).expect("a text is JSON");
        out.push_str(&quoted[1..quoted.len() - 1]);
    }
    out.push('"');
}

/// Returns the key and the value of a map's entry, by their order: files name them differently.
fn map_entry(item: Value) -> Option<(String, Value)> {
    let Value::Object(fields) = item else { return None };
    let mut parts = fields.into_iter().map(|(_, value)| value);
    Some((plain(parts.next()?), parts.next()?))
}

fn json_of(value: &AnyValue<'_>) -> Result<Value, String> {
    Ok(match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(flag) => (*flag).into(),
        AnyValue::String(text) => (*text).into(),
        AnyValue::StringOwned(text) => text.as_str().into(),
        AnyValue::Float64(number) => number.to_string().into(),
        AnyValue::Binary(bytes) => utf8(bytes)?,
        AnyValue::BinaryOwned(bytes) => utf8(bytes)?,
        AnyValue::List(items) => items.iter().map(|item| json_of(&item)).collect::<Result<Value, _>>()?,
        AnyValue::Struct(_, _, fields) => {
            let names = fields.iter().map(|field| field.name().as_str());
            object_of(names, value._iter_struct_av())?
        }
        AnyValue::StructOwned(parts) => {
            let names = parts.1.iter().map(|field| field.name().as_str());
            object_of(names, parts.0.iter().cloned())?
        }
        other => other.to_string().into(),
    })
}

fn object_of<'a>(
    names: impl Iterator<Item = &'a str>,
    values: impl Iterator<Item = AnyValue<'a>>,
) -> Result<Value, String> {
    let entries = names.zip(values).map(|(name, value)| Ok((name.to_string(), json_of(&value)?)));
    Ok(Value::Object(entries.collect::<Result<Map<String, Value>, String>>()?))
}

fn utf8(bytes: &[u8]) -> Result<Value, String> {
    std::str::from_utf8(bytes).map(Value::from).map_err(|_| "it is not UTF-8 text".into())
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoSeries, NamedFrom, PlSmallStr, StructChunked};

    use super::*;

    #[test]
    fn reads_maps_in_every_spelling_and_marks_the_others() {
        let object = |text: &str| MapText::Object(text.into());
        let check = |text: &str, expected: MapText| assert_eq!(MapText::parse(text), expected, "{text}");
        check(r#"{"a": "b", "c":"d"}"#, object(r#"{"a": "b", "c":"d"}"#));
        check(
            r#"{"a": 7, "b": null, "c": true, "d": {"e": [1]}}"#,
            object(r#"{"a":"7","c":"true","d":"{\"e\":[1]}"}"#),
        );
        check(r#"[{"key": "a", "value": "b"}, {"Key": "c", "Value": "d"}]"#, object(r#"{"a":"b","c":"d"}"#));
        check(r#"[["a", "b"]]"#, object(r#"{"a":"b"}"#));
        check("{team=core}", object(r#"{"team":"core"}"#));
        check(
            "{user_name=web, 2, user:cost=a=b, empty=}",
            object(r#"{"user_name":"web, 2","user:cost":"a=b","empty":""}"#),
        );
        check("{a=null}", MapText::Empty);
        for empty in ["", " ", "{}", "[]", "null", "NULL", r#"{"a": null}"#] {
            check(empty, MapText::Empty);
        }
        for unreadable in [
            "no map",
            "{",
            "{a}",
            "{=b}",
            r#"{"a": "b""#,
            r#"{"a"="b"}"#,
            "{'a': 'b'}",
            "7",
            r#""a""#,
            r#"["a"]"#,
            r#"[{"a": "b"}]"#,
            "a=b",
            "{{a=b}}",
        ] {
            check(unreadable, MapText::Unreadable);
        }
    }

    #[test]
    fn reads_maps_structs_and_lists_of_parquet() {
        let name = PlSmallStr::from_static;
        let object = |fields: [Series; 2]| {
            StructChunked::from_series(PlSmallStr::EMPTY, fields[0].len(), fields.iter())
                .unwrap()
                .into_series()
        };
        let check = |column: Series, expected: &[&str]| {
            let found = nested_texts(&column).unwrap();
            let found: Vec<&str> = found.iter().map(|text| text.unwrap_or("-")).collect();
            assert_eq!(found, expected);
        };
        let team = Series::new(name("team"), [Some("a"), None, None]);
        let count = Series::new(name("n"), [Some(1_i64), Some(2), None]);
        check(object([team, count]), &[r#"{"team":"a","n":"1"}"#, r#"{"n":"2"}"#, "-"]);
        let map = |keys: &[&str], values: &[Option<&str>]| {
            object([Series::new(name("key"), keys), Series::new(name("value"), values)])
        };
        let maps = [map(&["user:a", "b"], &[Some("1"), None]), map(&[], &[])];
        check(Series::new(PlSmallStr::EMPTY, maps), &[r#"{"user:a":"1"}"#, "-"]);
        let lists = [Series::new(PlSmallStr::EMPTY, ["x", "y"]), Series::new(PlSmallStr::EMPTY, ["z"])];
        check(Series::new(PlSmallStr::EMPTY, lists), &[r#"["x","y"]"#, r#"["z"]"#]);
    }
}
