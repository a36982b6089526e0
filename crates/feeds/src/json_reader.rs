//! Reads JSON of any size value by value. Only one value is in memory at a time, as raw bytes.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{FeedError, bad};

/// Bytes per read.
const READ: usize = 1 << 20;

/// Limit of a single value, bytes. A product of a price list has some two thousand.
const LARGEST: usize = 64 << 20;

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
        let what = self.what;
        serde_json::from_slice(self.value()?).map_err(|e| bad(format!("it is not valid as {what}: {e}")))
    }

    /// Skips the next value.
    pub(crate) fn skip(&mut self) -> Result<(), FeedError> {
        self.value().map(|_| ())
    }

    /// Checks that nothing but white space follows.
    pub(crate) fn end(&mut self) -> Result<(), FeedError> {
        loop {
            if let Some(byte) = self.buffer[self.at..].iter().find(|byte| !byte.is_ascii_whitespace()) {
                return Err(bad(format!("it continues with '{}' after its end", byte.escape_ascii())));
            }
            self.at = self.buffer.len();
            if !self.more()? {
                return Ok(());
            }
        }
    }

    /// Returns the bytes of the next value.
    fn value(&mut self) -> Result<&[u8], FeedError> {
        self.peek()?;
        let length = loop {
            let rest = &self.buffer[self.at..];
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
            let found = values.next();
            let length = values.byte_offset();
            match found {
                // A number at the end of the buffer may continue.
                Some(Ok(_)) if length < rest.len() || self.ended => break length,
                Some(Err(error)) if !error.is_eof() => {
                    return Err(bad(format!("it is not valid as {}: {error}", self.what)));
                }
                _ if rest.len() > LARGEST => {
                    return Err(bad(format!(
                        "it is not {}: a single value has more than {} MiB",
                        self.what,
                        LARGEST >> 20
                    )));
                }
                found => {
                    if !self.more()? && !matches!(found, Some(Ok(_))) {
                        return Err(bad("it is cut short"));
                    }
                }
            }
        };
        let from = self.at;
        self.at += length;
        Ok(&self.buffer[from..self.at])
    }

    /// Returns the next byte that is not white space.
    fn peek(&mut self) -> Result<u8, FeedError> {
        loop {
            match self.buffer[self.at..].iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(spaces) => {
                    self.at += spaces;
                    return Ok(self.buffer[self.at]);
                }
                None => {
                    self.at = self.buffer.len();
                    if !self.more()? {
                        return Err(bad("it is cut short"));
                    }
                }
            }
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), FeedError> {
        let found = self.peek()?;
        if found != byte {
            return Err(bad(format!(
                "it is not valid as {}: '{}' where '{}' was expected",
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
        check("{a:1}", "it is not valid as a list");
        check(r#"{"a":1}}"#, "it continues with '}' after its end");
        check(r#"{"a":"#, "it is cut short");
    }
}
