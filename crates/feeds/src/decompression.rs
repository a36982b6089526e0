use std::io::{self, BufRead, BufReader, Read};

/// Size of the read buffer, bytes.
const BUFFER: usize = 1 << 18;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Returns whether a file that begins with `start` is compressed, so that a missing end is
/// detected.
pub fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(GZIP) || start.starts_with(ZSTD)
}

/// Decompresses a file if its first bytes are those of gzip or zstd.
pub fn decompress<'a>(reader: Box<dyn Read + 'a>) -> io::Result<Box<dyn BufRead + 'a>> {
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
