use std::fmt::Write as _;

use domain::Timestamp;
use quick_xml::escape::escape;

/// The content of an XML element. It is text from the start, so a large answer is written once and
/// never kept as a tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct XmlContent(String);

/// Child elements in their order, as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct XmlFields(String);

/// A list whose elements are named `member`, as in STS, IAM and a few calls of EC2. EC2's usual
/// name is `item`.
pub(crate) struct XmlMembers<T>(pub(crate) Vec<T>);

/// A value that can be the content of an element.
pub(crate) trait XmlValue {
    /// Appends the value, escaped.
    fn write_xml(&self, out: &mut String);
}

impl XmlFields {
    pub(crate) fn new() -> XmlFields {
        XmlFields::default()
    }

    /// Allocates this many bytes, so that a long answer is not copied while it grows.
    pub(crate) fn with_capacity_for(bytes: usize) -> XmlFields {
        XmlFields(String::with_capacity(bytes))
    }

    /// Appends elements that are the same in every answer.
    pub(crate) fn constant(mut self, elements: &'static str) -> XmlFields {
        self.0.push_str(elements);
        self
    }

    // Inlined, so that the names become constants at the call sites: a page has a hundred thousand
    // of them.
    #[inline(always)]
    pub(crate) fn put(mut self, name: &str, value: impl XmlValue) -> XmlFields {
        open(name, &mut self.0);
        value.write_xml(&mut self.0);
        close(name, &mut self.0);
        self
    }

    /// Appends an element, or nothing for an absent value, as AWS does.
    #[inline]
    pub(crate) fn opt(self, name: &str, value: Option<impl XmlValue>) -> XmlFields {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// Appends a list, or nothing for an empty one.
    pub(crate) fn some(self, name: &str, list: Vec<XmlContent>) -> XmlFields {
        if list.is_empty() { self } else { self.put(name, list) }
    }

    /// Appends a structure that `write` writes in place.
    #[inline]
    pub(crate) fn within(mut self, name: &str, write: impl FnOnce(XmlFields) -> XmlFields) -> XmlFields {
        open(name, &mut self.0);
        self = write(self);
        close(name, &mut self.0);
        self
    }

    /// Appends a list whose items `write` writes in place.
    #[inline]
    pub(crate) fn each<T>(
        mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        write: impl Fn(XmlFields, T) -> XmlFields,
    ) -> XmlFields {
        open(name, &mut self.0);
        for item in items {
            self = self.within("item", |fields| write(fields, item));
        }
        close(name, &mut self.0);
        self
    }
}

impl XmlContent {
    /// Wraps elements that were encoded before.
    pub(crate) fn again(elements: &str) -> XmlContent {
        XmlContent(elements.to_string())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Whether XML 1.0 can carry a character, as itself or as a reference (production 2, `Char`).
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Returns a text with U+FFFD for each character that XML 1.0 cannot carry.
pub(crate) fn xml_text(text: &str) -> String {
    text.chars().map(|c| if is_xml_char(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[inline(always)]
fn open(name: &str, out: &mut String) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

#[inline(always)]
fn close(name: &str, out: &mut String) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn list<T: XmlValue>(name: &str, members: &[T], out: &mut String) {
    for member in members {
        open(name, out);
        member.write_xml(out);
        close(name, out);
    }
}

impl XmlValue for str {
    #[inline]
    fn write_xml(&self, out: &mut String) {
        // Most texts have nothing to escape, and a check costs less than escaping. The check reads
        // all bytes without an early exit, which is faster than one that stops at the first match.
        let special = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | b'\'' | b'"' | b'\r');
        if self.bytes().fold(false, |any, byte| any | special(byte)) {
            // A parser would read a plain CR as LF.
            out.push_str(&escape(self).replace('\r', "&#13;"));
        } else {
            out.push_str(self);
        }
    }
}

impl XmlValue for String {
    #[inline]
    fn write_xml(&self, out: &mut String) {
        self.as_str().write_xml(out);
    }
}

/// The values one after the other.
impl<A: XmlValue, B: XmlValue> XmlValue for (A, B) {
    fn write_xml(&self, out: &mut String) {
        self.0.write_xml(out);
        self.1.write_xml(out);
    }
}

impl<A: XmlValue, B: XmlValue, C: XmlValue> XmlValue for (A, B, C) {
    fn write_xml(&self, out: &mut String) {
        self.0.write_xml(out);
        self.1.write_xml(out);
        self.2.write_xml(out);
    }
}

impl<T: XmlValue + ?Sized> XmlValue for &T {
    #[inline]
    fn write_xml(&self, out: &mut String) {
        (**self).write_xml(out);
    }
}

/// An absent value leaves the element empty.
impl<T: XmlValue> XmlValue for Option<T> {
    fn write_xml(&self, out: &mut String) {
        if let Some(value) = self {
            value.write_xml(out);
        }
    }
}

impl XmlValue for bool {
    fn write_xml(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl XmlValue for Timestamp {
    fn write_xml(&self, out: &mut String) {
        write_iso(*self, out);
    }
}

impl XmlValue for XmlFields {
    fn write_xml(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl XmlValue for XmlContent {
    fn write_xml(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl XmlValue for Vec<XmlContent> {
    fn write_xml(&self, out: &mut String) {
        list("item", self, out);
    }
}

impl<T: XmlValue> XmlValue for XmlMembers<T> {
    fn write_xml(&self, out: &mut String) {
        list("member", &self.0, out);
    }
}

macro_rules! numbers {
    ($($type:ty),*) => { $(impl XmlValue for $type {
        fn write_xml(&self, out: &mut String) {
            // Writing into memory does not fail.
            let _ = write!(out, "{self}");
        }
    })* };
}
numbers!(i64, u64, u32, i32, u16, usize, f64);

impl From<XmlFields> for XmlContent {
    fn from(fields: XmlFields) -> XmlContent {
        XmlContent(fields.0)
    }
}

/// Encodes any value as the content of an element.
pub(crate) fn node(value: impl XmlValue) -> XmlContent {
    let mut out = String::new();
    value.write_xml(&mut out);
    XmlContent(out)
}

/// Formats an instant as AWS does in XML: `2026-01-31T12:00:00.000Z`.
pub(crate) fn iso(instant: Timestamp) -> String {
    let mut text = String::new();
    write_iso(instant, &mut text);
    text
}

fn write_iso(instant: Timestamp, out: &mut String) {
    let at = jiff::tz::Offset::UTC.to_datetime(instant);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let parts = [
        (3, i32::from(at.year())),
        (6, i32::from(at.month())),
        (9, i32::from(at.day())),
        (12, i32::from(at.hour())),
        (15, i32::from(at.minute())),
        (18, i32::from(at.second())),
        (22, i32::from(at.millisecond())),
    ];
    // Each number is written from its last digit.
    for (mut place, mut number) in parts {
        while number > 0 && text[place].is_ascii_digit() {
            text[place] = b'0' + (number % 10) as u8;
            number /= 10;
            place = place.saturating_sub(1);
        }
    }
    out.push_str(std::str::from_utf8(&text).unwrap_or_default());
}

/// Encodes each value as a list item.
pub(crate) fn texts<T: XmlValue>(values: impl IntoIterator<Item = T>) -> Vec<XmlContent> {
    values.into_iter().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_values_lists_and_instants() {
        let all: XmlContent = XmlFields::new()
            .put("a", "x<&>")
            .put("set", texts(["1", "2"]))
            .opt("none", None::<bool>)
            .some("empty", Vec::new())
            .within("deep", |fields| fields.put("flag", true))
            .each("many", [1i64, 2], |fields, number| fields.put("n", number))
            .put("Names", XmlMembers(vec!["p"]))
            .into();
        assert_eq!(
            all.into_text(),
            "<a>x&lt;&amp;&gt;</a><set><item>1</item><item>2</item></set><deep><flag>true</flag></deep>\
             <many><item><n>1</n></item><item><n>2</n></item></many><Names><member>p</member></Names>"
        );
        assert_eq!(iso("2026-01-31T12:00:00.0421Z".parse().unwrap()), "2026-01-31T12:00:00.042Z");
    }
}
