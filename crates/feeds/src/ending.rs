use std::io::{self, BufRead, Read};

/// Remembers the last byte: a file that does not end a line was cut short.
pub(crate) struct Ending<'a> {
    reader: &'a mut dyn BufRead,
    last: u8,
}

impl<'a> Ending<'a> {
    pub(crate) fn new(reader: &'a mut dyn BufRead) -> Ending<'a> {
        Ending { reader, last: b'\n' }
    }

    /// Whether what was read so far ends a line.
    pub(crate) fn ends_a_line(&self) -> bool {
        self.last == b'\n'
    }
}

impl Read for Ending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(last) = buffer[..read].last() {
            self.last = *last;
        }
        Ok(read)
    }
}
