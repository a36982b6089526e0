//! Splits JSON objects of texts into their entries.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use polars::prelude::{PlHashMap, PlSmallStr, StringChunked, StringChunkedBuilder};

/// The entries of the objects of some lines. Each distinct object is read once.
pub(crate) struct ObjectEntries<'a> {
    /// The place of each line's object in `distinct`; none for a line without one.
    rows: Vec<Option<usize>>,
    distinct: Vec<DistinctObject<'a>>,
}

struct DistinctObject<'a> {
    text: &'a str,
    /// None for a text that is no object.
    entries: Option<Vec<(Cow<'a, str>, Cow<'a, str>)>>,
    lines: usize,
}

/// The texts of lines, split.
pub(crate) struct SplitObjects {
    /// The values of each wanted key.
    pub(crate) columns: Vec<StringChunked>,
    /// The other entries of each line as a JSON object of texts; null without any.
    pub(crate) others: StringChunked,
    /// The texts that are no objects.
    pub(crate) texts: StringChunked,
}

impl<'a> ObjectEntries<'a> {
    pub(crate) fn of(objects: &'a StringChunked) -> ObjectEntries<'a> {
        let mut known: PlHashMap<&str, usize> = PlHashMap::default();
        let mut distinct: Vec<DistinctObject<'_>> = Vec::new();
        let mut last: (&str, usize) = ("", usize::MAX);
        let place = |text: Option<&'a str>| {
            let text = text?;
            if last.1 == usize::MAX || last.0 != text {
                let at = *known.entry(text).or_insert_with(|| {
                    distinct.push(DistinctObject { text, entries: first_entries(text), lines: 0 });
                    distinct.len() - 1
                });
                last = (text, at);
            }
            distinct[last.1].lines += 1;
            Some(last.1)
        };
        ObjectEntries { rows: objects.iter().map(place).collect(), distinct }
    }

    /// Returns the keys, most frequent first, then in order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for object in &self.distinct {
            for (key, _) in object.entries.iter().flatten() {
                *lines.entry(key).or_default() += object.lines;
            }
        }
        let mut keys: Vec<(&str, usize)> = lines.into_iter().collect();
        keys.sort_by(|(a, lines), (b, more)| more.cmp(lines).then(a.cmp(b)));
        keys.into_iter().map(|(key, _)| key.to_string()).collect()
    }

    /// Splits the objects into the values of these keys and the rest.
    pub(crate) fn split(&self, keys: &[String]) -> SplitObjects {
        let places: HashMap<&str, usize> = keys.iter().map(String::as_str).zip(0..).collect();
        let split = self.distinct.iter().map(|object| object.split(&places));
        let (values, others): (Vec<_>, Vec<_>) = split.unzip();
        let column = |key: usize| self.texts(|object| values[object][key]);
        SplitObjects {
            columns: (0..keys.len()).map(column).collect(),
            others: self.texts(|object| others[object].as_deref()),
            texts: self.texts(|object| {
                let object = &self.distinct[object];
                object.entries.is_none().then_some(object.text)
            }),
        }
    }

    /// Returns the text of each line, by the place of its object.
    fn texts<'b>(&self, text: impl Fn(usize) -> Option<&'b str>) -> StringChunked {
        let mut texts = StringChunkedBuilder::new(PlSmallStr::EMPTY, self.rows.len());
        self.rows.iter().for_each(|row| texts.append_option(row.and_then(&text)));
        texts.finish()
    }
}

impl DistinctObject<'_> {
    /// Returns the value of each wanted key, and the JSON object of the other entries.
    fn split(&self, places: &HashMap<&str, usize>) -> (Vec<Option<&str>>, Option<String>) {
        let mut values = vec![None; places.len()];
        let mut others = serde_json::Map::new();
        for (key, value) in self.entries.iter().flatten() {
            match places.get(&**key) {
                Some(at) => values[*at] = Some(&**value),
                None => drop(others.insert(key.to_string(), value.to_string().into())),
            }
        }
        let others = (!others.is_empty()).then(|| serde_json::Value::Object(others).to_string());
        (values, others)
    }
}

/// Returns the entries of an object. Of a repeated key the first value counts, as in SQL.
fn first_entries(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    let mut found = entries(text)?;
    let mut seen = BTreeSet::new();
    found.retain(|(key, _)| seen.insert(key.clone()));
    Some(found)
}

/// Returns the entries of a JSON object that have a value, or none if the text is no object.
/// Values that are no texts are written as JSON.
pub(super) fn entries(text: &str) -> Option<Vec<(Cow<'_, str>, Cow<'_, str>)>> {
    if let Some(plain) = plain_entries(text) {
        return Some(plain);
    }
    let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok()?;
    let value = |value| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    Some(object.into_iter().filter_map(|(key, json)| Some((key.into(), value(json)?.into()))).collect())
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
            let entries = ObjectEntries::of(&tags);
            let split = entries.split(&keys);
            let shown = |column: &StringChunked| {
                column.iter().map(|text| text.unwrap_or("-")).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(split.columns.iter().map(shown).collect::<Vec<_>>(), columns, "{texts:?}");
            assert_eq!(shown(&split.others), others, "{texts:?}");
            let other_keys = entries.keys().into_iter().filter(|key| !keys.contains(key));
            assert_eq!(other_keys.collect::<Vec<_>>(), left, "{texts:?}");
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
        let tags: StringChunked = odd.iter().copied().collect();
        let texts = ObjectEntries::of(&tags).split(&[]).texts;
        let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("-")).collect();
        assert_eq!(texts, ["-", "-", "-", "no JSON", r#"["a"]"#, r#"{"a":"1",}"#, "-"]);
    }
}
