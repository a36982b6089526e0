//! Splits the tags of bill lines into a column for each frequent tag and the JSON of the others.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use polars::prelude::{PlHashMap, PlSmallStr, StringChunked, StringChunkedBuilder};

/// The largest number of columns of tags in a file. AWS activates at most 500 keys, and few of them
/// are on many lines.
pub(crate) const MOST_COLUMNS: usize = 100;

/// The tags of some lines.
pub(crate) struct TagColumns {
    /// The values of each wanted key.
    pub(crate) columns: Vec<StringChunked>,
    /// The other tags of each line as a JSON object of texts; null without any.
    pub(crate) others: StringChunked,
    /// The keys of the other tags, most frequent first.
    pub(crate) other_keys: Vec<String>,
    /// The number of lines with other tags.
    pub(crate) lines_with_others: usize,
}

/// A distinct object of tags, split.
struct SplitTags<'a> {
    values: Vec<Option<Cow<'a, str>>>,
    others: Option<String>,
    other_keys: Vec<Cow<'a, str>>,
    lines: usize,
}

impl TagColumns {
    /// Splits JSON objects of texts. A text that is no object has no tags.
    pub(crate) fn split(tags: &StringChunked, keys: &[String]) -> TagColumns {
        let places: HashMap<&str, usize> = keys.iter().map(String::as_str).zip(0..).collect();
        let mut known: PlHashMap<&str, usize> = PlHashMap::default();
        let mut distinct: Vec<SplitTags<'_>> = Vec::new();
        let mut last: (&str, usize) = ("", usize::MAX);
        let rows: Vec<Option<usize>> = tags
            .iter()
            .map(|text| {
                let text = text?;
                if last.1 == usize::MAX || last.0 != text {
                    let at = *known.entry(text).or_insert_with(|| {
                        distinct.push(split_object(text, &places));
                        distinct.len() - 1
                    });
                    last = (text, at);
                }
                distinct[last.1].lines += 1;
                Some(last.1)
            })
            .collect();
        let columns =
            (0..keys.len()).map(|key| texts(&rows, |row| distinct[row].values[key].as_deref())).collect();
        let others = texts(&rows, |row| distinct[row].others.as_deref());
        let lines_with_others = others.len() - others.null_count();
        TagColumns { columns, others, other_keys: frequent(&distinct), lines_with_others }
    }
}

/// Returns the text of each row; `rows` are the places of their distinct objects.
fn texts<'a>(rows: &[Option<usize>], text: impl Fn(usize) -> Option<&'a str>) -> StringChunked {
    let mut texts = StringChunkedBuilder::new(PlSmallStr::EMPTY, rows.len());
    rows.iter().for_each(|row| texts.append_option(row.and_then(&text)));
    texts.finish()
}

/// Returns the other keys, most frequent first, then in order.
fn frequent(distinct: &[SplitTags<'_>]) -> Vec<String> {
    let mut lines: HashMap<&str, usize> = HashMap::new();
    for split in distinct {
        split.other_keys.iter().for_each(|key| *lines.entry(key).or_default() += split.lines);
    }
    let mut keys: Vec<(&str, usize)> = lines.into_iter().collect();
    keys.sort_by(|(a, lines), (b, more)| more.cmp(lines).then(a.cmp(b)));
    keys.into_iter().map(|(key, _)| key.to_string()).collect()
}

fn split_object<'a>(text: &'a str, places: &HashMap<&str, usize>) -> SplitTags<'a> {
    let mut split =
        SplitTags { values: vec![None; places.len()], others: None, other_keys: Vec::new(), lines: 0 };
    let mut others = serde_json::Map::new();
    let mut seen = BTreeSet::new();
    for (key, value) in entries(text) {
        // Of a repeated key the first value counts, as in SQL.
        if !seen.insert(key.clone()) {
            continue;
        }
        match places.get(&*key) {
            Some(at) => split.values[*at] = Some(value),
            None => {
                others.insert(key.to_string(), value.into_owned().into());
                split.other_keys.push(key);
            }
        }
    }
    split.others = (!others.is_empty()).then(|| serde_json::Value::Object(others).to_string());
    split
}

/// Returns the entries of a JSON object that have a value. Values that are no texts are written as
/// JSON.
pub(super) fn entries(text: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    if let Some(plain) = plain_entries(text) {
        return plain;
    }
    let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) else {
        return Vec::new();
    };
    let value = |value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    object.into_iter().filter_map(|(key, json)| Some((key.into(), value(json)?.into()))).collect()
}

/// Reads an object of texts without escapes, which nearly all are.
fn plain_entries(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    if text.bytes().any(|byte| byte == b'\\' || byte < 0x20) {
        return None;
    }
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix('"')?.split_once('"')?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        let (value, after) = after.strip_prefix('"')?.split_once('"')?;
        found.push((Cow::Borrowed(key), Cow::Borrowed(value)));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            // A comma is followed by another entry.
            Some(next) => Some(next.trim_start()).filter(|next| !next.is_empty())?,
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_tags_get_columns_and_the_others_stay_json() {
        let check = |texts: &[Option<&str>], keys: &[&str], columns: &[&str], others: &str, left: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| key.to_string()).collect();
            let tags: StringChunked = texts.iter().copied().collect();
            let split = TagColumns::split(&tags, &keys);
            let shown = |column: &StringChunked| {
                column.iter().map(|text| text.unwrap_or("-")).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(split.columns.iter().map(shown).collect::<Vec<_>>(), columns, "{texts:?}");
            assert_eq!(shown(&split.others), others, "{texts:?}");
            assert_eq!(split.other_keys, left, "{texts:?}");
        };
        let plain = [Some(r#"{"user:Team":"a","x":"1"}"#), None, Some(r#"{ "x" : "2" }"#), Some("{}")];
        check(&plain, &["user:Team"], &["a - - -"], r#"{"x":"1"} - {"x":"2"} -"#, &["x"]);
        check(&plain, &["x", "gone"], &["1 - 2 -", "- - - -"], r#"{"user:Team":"a"} - - -"#, &["user:Team"]);
        let odd = [
            Some(r#"{"a":"q\"q"}"#),
            Some(r#"{"a":5,"b":null}"#),
            Some(r#"{"a":"1","a":"2"}"#),
            Some("no JSON"),
            Some(r#"["a"]"#),
            Some(r#"{"a":"1",}"#),
            Some(r#"{"a":""}"#),
        ];
        check(&odd, &["a"], &["q\"q 5 1 - - - "], "- - - - - - -", &[]);
        check(&odd[..2], &[], &[], r#"{"a":"q\"q"} {"a":"5"}"#, &["a"]);
    }
}
