//! Reads foreign text in bounded memory: the limits of all parsers, and the reader below them.

use std::io::{self, BufRead, Cursor, Read};

/// Limit of one field of a table, and of one text in JSON, in bytes.
pub const LARGEST_FIELD: usize = 1 << 20;

/// Limit of one row of a table, and of one JSON value that is read as a whole, in bytes.
pub const LARGEST_RECORD: usize = 16 << 20;

/// Limit of the columns of a table.
pub const MOST_COLUMNS: usize = 10_000;

/// Limit of the nesting of JSON.
pub const DEEPEST_JSON: usize = 64;

/// The mark that some programs write before UTF-8 text.
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Skips the UTF-8 mark at the start of a text, if there is one.
///
/// # Errors
/// An error of the reader.
pub fn skip_mark<'a, R: BufRead + 'a>(mut reader: R) -> io::Result<Box<dyn BufRead + 'a>> {
    let start = reader.fill_buf()?;
    if start.is_empty() || start.len() >= UTF8_MARK.len() {
        let mark = if start.starts_with(&UTF8_MARK) { UTF8_MARK.len() } else { 0 };
        reader.consume(mark);
        return Ok(Box::new(reader));
    }
    // The mark may arrive in parts.
    let mut start = Vec::new();
    reader.by_ref().take(UTF8_MARK.len() as u64).read_to_end(&mut start)?;
    if start == UTF8_MARK {
        start.clear();
    }
    Ok(Box::new(Cursor::new(start).chain(reader)))
}

/// Returns a text without its UTF-8 mark.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(&UTF8_MARK).unwrap_or(text)
}

/// Reads a whole text of at most `mib` MiB, without its UTF-8 mark. More is never read.
///
/// # Errors
/// An error of the reader, a text that is longer, or one that is not UTF-8.
pub fn read_text(reader: impl Read, mib: usize) -> io::Result<String> {
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let most = mib << 20;
    let mut bytes = Vec::new();
    reader.take(most as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(invalid(format!("it has more than {mib} MiB, the limit")));
    }
    std::str::from_utf8(without_mark(&bytes))
        .map(String::from)
        .map_err(|_| invalid("it is not UTF-8 text".into()))
}

/// The reader below a parser of a table. It refuses a record beyond [`LARGEST_RECORD`] while the
/// record is read, if the parser calls [`RecordReader::start_record`] after each record. It also
/// remembers the last byte: a table was cut short if its last line has no end.
#[derive(Debug)]
pub struct RecordReader<R> {
    reader: R,
    last: u8,
    /// Bytes that were read since the start of the record.
    read: usize,
}

impl<R: Read> RecordReader<R> {
    /// Returns a reader at the start of its first record.
    pub fn new(reader: R) -> RecordReader<R> {
        RecordReader { reader, last: b'\n', read: 0 }
    }

    /// Starts the next record.
    pub fn start_record(&mut self) {
        self.read = 0;
    }

    /// Returns whether the bytes that were read so far end a line.
    pub fn ends_a_line(&self) -> bool {
        self.last == b'\n'
    }
}

impl<R: Read> Read for RecordReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A parser reads again only when its record has used up all that it read before.
        if self.read > LARGEST_RECORD {
            return Err(io::Error::new(io::ErrorKind::InvalidData, too_large_record()));
        }
        let read = self.reader.read(buffer)?;
        self.read += read;
        if let Some(last) = buffer[..read].last() {
            self.last = *last;
        }
        Ok(read)
    }
}

/// Checks the sizes of a record of a table: its fields' bytes, and each field's length. The error
/// is a lowercase fragment that names the limit.
pub fn check_record<'a>(bytes: usize, fields: impl Iterator<Item = &'a [u8]>) -> Result<(), String> {
    if bytes <= LARGEST_FIELD {
        return Ok(());
    }
    if bytes > LARGEST_RECORD {
        return Err(too_large_record());
    }
    match fields.into_iter().all(|field| field.len() <= LARGEST_FIELD) {
        true => Ok(()),
        false => Err(format!("a field has more than {} MiB, the limit of a field", LARGEST_FIELD >> 20)),
    }
}

fn too_large_record() -> String {
    format!("a record has more than {} MiB, the limit of a record", LARGEST_RECORD >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_one_mark_however_the_bytes_arrive() {
        let check = |bytes: &[u8], expected: &[u8]| {
            for size in [1, 2, 3, 64] {
                let mut found = Vec::new();
                let reader = io::BufReader::with_capacity(size, bytes);
                skip_mark(reader).unwrap().read_to_end(&mut found).unwrap();
                assert_eq!(found, expected, "{bytes:?} by {size}");
            }
        };
        check(b"\xef\xbb\xbfa,b\n", b"a,b\n");
        check(b"a,b\n", b"a,b\n");
        check(b"\xef\xbb", b"\xef\xbb");
        check(b"\xef\xbb\xbf", b"");
        check(b"", b"");
    }

    #[test]
    fn reads_a_text_up_to_its_limit() {
        let read = |bytes: &[u8]| read_text(bytes, 1).map_err(|e| e.to_string());
        assert_eq!(read(b"\xef\xbb\xbfabc").unwrap(), "abc");
        let most = vec![b'a'; 1 << 20];
        assert_eq!(read(&most).unwrap().len(), most.len());
        assert_eq!(read(&[most.as_slice(), b"a"].concat()).unwrap_err(), "it has more than 1 MiB, the limit");
        assert_eq!(read(b"\xff").unwrap_err(), "it is not UTF-8 text");
        assert!(read_text(io::repeat(0), 1).is_err());
    }

    #[test]
    fn refuses_a_record_while_it_is_read() {
        let mut buffer = vec![0; 1 << 20];
        let mut reader = RecordReader::new(io::repeat(b'a'));
        let mut read = |reader: &mut RecordReader<_>, pieces: usize| -> io::Result<()> {
            (0..pieces).try_for_each(|_| reader.read(&mut buffer).map(drop))
        };
        for _ in 0..3 {
            read(&mut reader, 17).unwrap();
            reader.start_record();
        }
        assert!(!reader.ends_a_line());
        read(&mut reader, 17).unwrap();
        let error = read(&mut reader, 1).unwrap_err().to_string();
        assert_eq!(error, "a record has more than 16 MiB, the limit of a record");
    }

    #[test]
    fn names_the_limit_that_a_record_exceeds() {
        let (large, small) = (vec![0; LARGEST_FIELD], vec![0; LARGEST_FIELD + 1]);
        let check = |fields: &[&[u8]], expected: &str| {
            let bytes = fields.iter().map(|field| field.len()).sum();
            let found = check_record(bytes, fields.iter().copied());
            assert_eq!(found.err().unwrap_or_default(), expected);
        };
        check(&[&large, &large], "");
        check(&[&[0], &small], "a field has more than 1 MiB, the limit of a field");
        check(&[&*large; 17], "a record has more than 16 MiB, the limit of a record");
    }
}
