//! The text of a file, whatever its compression.

use std::io::{self, BufRead, BufReader, Read};

use domain::{LARGEST_RECORD, skip_mark};

use crate::{FeedError, bad};

/// Size of the read buffer, bytes.
const BUFFER: usize = 1 << 18;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Returns whether a file that begins with `start` is compressed, so that a missing end is
/// detected.
pub fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(GZIP) || start.starts_with(ZSTD)
}

/// Returns the text of a file: decompressed if its first bytes are those of gzip or zstd, and
/// without a UTF-8 mark. Every parser of text gets its bytes from here.
///
/// # Errors
/// An error of the reader.
pub fn plain_text<'a>(reader: Box<dyn Read + 'a>) -> io::Result<Box<dyn BufRead + 'a>> {
    skip_mark(decompress(reader)?)
}

fn decompress<'a>(reader: Box<dyn Read + 'a>) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut reader = BufReader::with_capacity(BUFFER, reader);
    let start = reader.fill_buf()?;
    if start.starts_with(GZIP) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(reader))));
    }
    if start.starts_with(ZSTD) {
        return Ok(Box::new(BufReader::with_capacity(
            BUFFER,
            zstd::stream::read::Decoder::with_buffer(reader)?,
        )));
    }
    Ok(Box::new(reader))
}

/// Returns the first byte that is not white space, and moves to it; `None` for an empty text.
pub(crate) fn first_byte(reader: &mut dyn BufRead) -> Result<Option<u8>, FeedError> {
    let mut skipped = 0;
    loop {
        let start = reader.fill_buf()?;
        let (length, place) = (start.len(), start.iter().position(|byte| !byte.is_ascii_whitespace()));
        let found = place.map(|at| start[at]);
        reader.consume(place.unwrap_or(length));
        skipped += length;
        if found.is_some() || length == 0 {
            return Ok(found);
        }
        if skipped > LARGEST_RECORD {
            return Err(bad(too_much_space()));
        }
    }
}

/// The fault of a text with white space beyond the limit of a record.
pub(crate) fn too_much_space() -> String {
    format!("it has more than {} MiB of white space, the limit of a record", LARGEST_RECORD >> 20)
}
