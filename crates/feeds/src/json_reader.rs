//! Reads JSON of any size value by value. Only one value is in memory at a time, as raw bytes, and
//! its size and nesting have limits.

use std::borrow::Cow;
use std::io::BufRead;
use std::ops::Range;

use domain::{DEEPEST_JSON, LARGEST_FIELD, LARGEST_RECORD};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::plain_text::too_much_space;
use crate::{FeedError, bad};

/// Bytes per read.
const READ: usize = 1 << 20;

/// A position in a JSON text. Errors are lowercase fragments.
pub(crate) struct JsonReader<'a> {
    reader: &'a mut dyn BufRead,
    what: &'static str,
    buffer: Vec<u8>,
    /// Start of the unread bytes in the buffer.
    at: usize,
    ended: bool,
}

impl<'a> JsonReader<'a> {
    /// Starts at the first byte. `what` names the expected format in errors.
    pub(crate) fn new(reader: &'a mut dyn BufRead, what: &'static str) -> JsonReader<'a> {
        JsonReader { reader, what, buffer: Vec::new(), at: 0, ended: false }
    }

    /// Reads an object. `each` is called after every key and reads the value.
    pub(crate) fn object(
        &mut self,
        each: &mut dyn FnMut(&mut Self, &str) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        self.take(b'{')?;
        if self.peek()? == b'}' {
            return self.take(b'}');
        }
        loop {
            let key = self.read::<Cow<'_, str>>()?.into_owned();
            self.take(b':')?;
            each(self, &key)?;
            match self.peek()? {
                b',' => self.take(b',')?,
                _ => return self.take(b'}'),
            }
        }
    }

    /// Reads a list. `each` is called before every element and reads it.
    pub(crate) fn list(
        &mut self,
        each: &mut dyn FnMut(&mut Self) -> Result<(), FeedError>,
    ) -> Result<(), FeedError> {
        self.take(b'[')?;
        if self.peek()? == b']' {
            return self.take(b']');
        }
        loop {
            each(self)?;
            match self.peek()? {
                b',' => self.take(b',')?,
                _ => return self.take(b']'),
            }
        }
    }

    /// Reads the next value.
    pub(crate) fn read<'s, T: Deserialize<'s>>(&'s mut self) -> Result<T, FeedError> {
        let (what, value) = (self.what, self.value()?);
        let is_last = self.ended && value.end == self.buffer.len();
        serde_json::from_slice(&self.buffer[value]).map_err(|error| match error.is_eof() && is_last {
            true => bad("it is cut short"),
            false => bad(format!("it is not {what}: {error}")),
        })
    }

    /// Skips the next value.
    pub(crate) fn skip(&mut self) -> Result<(), FeedError> {
        self.read::<IgnoredAny>().map(|_| ())
    }

    /// Checks that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), FeedError> {
        match self.next_byte()? {
            Some(byte) => Err(bad(format!("it continues with '{}' after its end", byte.escape_ascii()))),
            None => Ok(()),
        }
    }

    /// Returns whether another value follows.
    pub(crate) fn has_more(&mut self) -> Result<bool, FeedError> {
        Ok(self.next_byte()?.is_some())
    }

    /// Moves over the next value. Returns its place in the buffer.
    fn value(&mut self) -> Result<Range<usize>, FeedError> {
        let first = self.peek()?;
        let mut scan = ValueScan::default();
        let mut length = 0;
        loop {
            let found = scan.end_in(&self.buffer[self.at + length..]).map_err(bad)?;
            length = found.map_or(self.buffer.len() - self.at, |end| length + end);
            if length > LARGEST_RECORD {
                return Err(bad(format!(
                    "a value has more than {} MiB, the limit of a record",
                    LARGEST_RECORD >> 20
                )));
            }
            if found.is_some() {
                break;
            }
            if !self.more()? {
                // Only a number or a word ends with the text.
                if scan.is_open() {
                    return Err(bad("it is cut short"));
                }
                break;
            }
        }
        if length == 0 {
            let (found, what) = (first.escape_ascii(), self.what);
            return Err(bad(format!("it is not {what}: '{found}' where a value was expected")));
        }
        let from = self.at;
        self.at += length;
        Ok(from..self.at)
    }

    /// Returns the next byte that is not white space. The text must not end before it.
    fn peek(&mut self) -> Result<u8, FeedError> {
        self.next_byte()?.ok_or_else(|| bad("it is cut short"))
    }

    /// Moves to the next byte that is not white space, and returns it; `None` at the end.
    fn next_byte(&mut self) -> Result<Option<u8>, FeedError> {
        let mut skipped = 0;
        loop {
            match self.buffer[self.at..].iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(spaces) => {
                    self.at += spaces;
                    return Ok(Some(self.buffer[self.at]));
                }
                None => {
                    skipped += self.buffer.len() - self.at;
                    if skipped > LARGEST_RECORD {
                        return Err(bad(too_much_space()));
                    }
                    self.at = self.buffer.len();
                    if !self.more()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), FeedError> {
        let found = self.peek()?;
        if found != byte {
            return Err(bad(format!(
                "it is not {}: '{}' where '{}' was expected",
                self.what,
                found.escape_ascii(),
                byte as char
            )));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads more bytes into the buffer. Returns false at the end of the text.
    fn more(&mut self) -> Result<bool, FeedError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        while !self.ended && self.buffer.len() < before + READ {
            let read = self.reader.fill_buf()?;
            self.ended = read.is_empty();
            let length = read.len();
            self.buffer.extend_from_slice(read);
            self.reader.consume(length);
        }
        Ok(self.buffer.len() > before)
    }
}

/// Finds the end of a value whose bytes arrive in pieces. The value's syntax is checked later, when
/// it is parsed.
#[derive(Default)]
struct ValueScan {
    /// Open objects and lists.
    depth: usize,
    /// Bytes of the open text, if there is one.
    text: Option<usize>,
    is_escaped: bool,
}

impl ValueScan {
    /// Scans the next piece. Returns the end of the value, if it is in this piece. The error names
    /// the limit that the value exceeds.
    fn end_in(&mut self, piece: &[u8]) -> Result<Option<usize>, String> {
        let mut at = 0;
        while at < piece.len() {
            if self.text.is_some() {
                at += self.skip_text(&piece[at..])?;
                if self.text.is_none() && self.depth == 0 {
                    return Ok(Some(at));
                }
                continue;
            }
            match piece[at] {
                b'"' => self.text = Some(0),
                b'{' | b'[' if self.depth == DEEPEST_JSON => {
                    return Err(format!(
                        "it is nested more than {DEEPEST_JSON} levels deep, the limit of JSON"
                    ));
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 1 => self.depth -= 1,
                b'}' | b']' if self.depth == 1 => {
                    self.depth = 0;
                    return Ok(Some(at + 1));
                }
                // The end of a number or a word.
                b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if self.depth == 0 => {
                    return Ok(Some(at));
                }
                _ => {}
            }
            at += 1;
        }
        Ok(None)
    }

    /// Skips bytes of the open text up to its closing quote. Returns their number.
    fn skip_text(&mut self, piece: &[u8]) -> Result<usize, String> {
        let end = self.text_end(piece);
        let length = self.text.unwrap_or_default() + end.map_or(piece.len(), |end| end - 1);
        if length > LARGEST_FIELD {
            return Err(format!("a text has more than {} MiB, the limit of a field", LARGEST_FIELD >> 20));
        }
        self.text = end.is_none().then_some(length);
        Ok(end.unwrap_or(piece.len()))
    }

    /// Returns the place after the closing quote of the open text.
    fn text_end(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.is_escaped));
        while let Some(plain) = piece.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
            at += plain + 1;
            if piece[at - 1] == b'"' {
                return Some(at);
            }
            // The byte after a backslash belongs to it.
            self.is_escaped = at == piece.len();
            at += 1;
        }
        None
    }

    /// Returns whether the bytes so far are no whole value.
    fn is_open(&self) -> bool {
        self.depth > 0 || self.text.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Returns the keys and elements of a text that is read in pieces of `size` bytes.
    fn seen(text: &str, size: usize) -> Result<String, String> {
        let mut reader = BufReader::with_capacity(size, text.as_bytes().chain(&b""[..]));
        let mut pull = JsonReader::new(&mut reader, "a list");
        let mut seen = String::new();
        let read = pull.object(&mut |pull, key| {
            seen.push_str(key);
            match key {
                "list" => pull.list(&mut |pull| {
                    seen += &format!("[{}]", pull.read::<serde_json::Value>()?);
                    Ok(())
                }),
                _ => pull.skip(),
            }
        });
        read.and_then(|()| pull.end()).map(|()| seen).map_err(|e| e.to_string())
    }

    #[test]
    fn reads_values_for_every_size_of_reads() {
        let text = r#" {"a" : {"x":[1,{}]}, "list":[ 12 ,"b\"]", {"c":null}] ,"n": -1.5e3,"é\u00e9": "" } "#;
        for size in [1, 2, 3, 7, 1000] {
            assert_eq!(seen(text, size).unwrap(), r#"alist[12]["b\"]"][{"c":null}]néé"#, "{size}");
        }
        assert_eq!(seen("{}", 1).unwrap(), "");
        for end in 0..text.trim_end().len() {
            if text.is_char_boundary(end) {
                assert!(seen(&text[..end], 4).is_err(), "{}", &text[..end]);
            }
        }
    }

    #[test]
    fn names_the_fault_of_invalid_json() {
        let check = |text: &str, part: &str| {
            let error = seen(text, 5).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        };
        check("[]", "'[' where '{' was expected");
        check(r#"{"a" 1}"#, "'1' where ':' was expected");
        check(r#"{"a":1 "b":2}"#, "'\\\"' where '}' was expected");
        check(r#"{"list":[1 2]}"#, "'2' where ']' was expected");
        check("{a:1}", "it is not a list");
        check(r#"{"a":1}}"#, "it continues with '}' after its end");
        check(r#"{"a":"#, "it is cut short");
        check(r#"{"a":tru"#, "it is cut short");
        check(r#"{"a":tru}"#, "it is not a list");
        check(r#"{"list":[1,]}"#, "']' where a value was expected");
        check(r#"{"a":[1}}"#, "it is not a list");
    }

    #[test]
    fn names_the_limit_that_a_value_exceeds() {
        let check = |text: String, expected: Option<&str>| {
            let found = seen(&text, 1 << 16).err();
            assert_eq!(found.as_deref(), expected, "{}", &text[..20]);
        };
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        check(nested(64), None);
        check(nested(65), Some("it is nested more than 64 levels deep, the limit of JSON"));
        let text = |length: usize| format!("{{\"a\":[\"{}\"]}}", "\\n".repeat(length / 2));
        check(text(1 << 20), None);
        check(text((1 << 20) + 2), Some("a text has more than 1 MiB, the limit of a field"));
        let list = |items: usize| format!("{{\"a\":[{}0]}}", "\"1234567\",".repeat(items));
        check(list(1_600_000), None);
        check(list(1_700_000), Some("a value has more than 16 MiB, the limit of a record"));
    }
}
