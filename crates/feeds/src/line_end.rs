use std::io::{self, BufRead, Read};

/// A reader that remembers the last byte: a file whose last line has no end was cut short.
pub(crate) struct LineEndReader<'a> {
    reader: &'a mut dyn BufRead,
    last: u8,
}

impl<'a> LineEndReader<'a> {
    pub(crate) fn new(reader: &'a mut dyn BufRead) -> LineEndReader<'a> {
        LineEndReader { reader, last: b'\n' }
    }

    /// Returns whether the bytes that were read so far end a line.
    pub(crate) fn ends_a_line(&self) -> bool {
        self.last == b'\n'
    }
}

impl Read for LineEndReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(last) = buffer[..read].last() {
            self.last = *last;
        }
        Ok(read)
    }
}
