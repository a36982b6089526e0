//! Tables as text, CSV or TSV, read row by row in bounded memory.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder};
use domain::{MOST_COLUMNS, RecordReader, check_record};

use crate::{FeedError, bad};

/// A table that is read row by row. The header is a row like the others.
pub(crate) struct CsvTable<R> {
    reader: Reader<RecordReader<R>>,
    row: ByteRecord,
}

impl<R: Read> CsvTable<R> {
    /// Starts before the first row. `format` describes delimiter and quotes; it must not ask for
    /// headers.
    pub(crate) fn new(format: &ReaderBuilder, reader: R) -> CsvTable<R> {
        CsvTable { reader: format.from_reader(RecordReader::new(reader)), row: ByteRecord::new() }
    }

    /// Reads the next row. Returns false after the last one.
    pub(crate) fn advance(&mut self) -> Result<bool, FeedError> {
        self.reader.get_mut().start_record();
        let found = self.reader.read_byte_record(&mut self.row).map_err(wrong)?;
        let checked = check_record(self.row.as_slice().len(), self.row.iter());
        checked.map_err(|why| bad(format!("line {}: {why}", self.line())))?;
        if self.row.len() > MOST_COLUMNS {
            return Err(bad(format!(
                "line {} has more than {MOST_COLUMNS} columns, the limit of a table",
                self.line()
            )));
        }
        Ok(found)
    }

    /// Fails if the last line has no end, because then the file was cut short.
    pub(crate) fn check_end(&self) -> Result<(), FeedError> {
        match self.reader.get_ref().ends_a_line() {
            true => Ok(()),
            false => Err(bad("it is cut short: its last line has no end")),
        }
    }

    /// Returns the current row.
    pub(crate) fn row(&self) -> &ByteRecord {
        &self.row
    }

    /// Returns the texts of the current row.
    pub(crate) fn texts(&self) -> Result<Vec<String>, FeedError> {
        (0..self.row.len()).map(|column| self.text(column).map(String::from)).collect()
    }

    /// Returns a field of the current row; empty if the row has no such column.
    pub(crate) fn text(&self, column: usize) -> Result<&str, FeedError> {
        std::str::from_utf8(self.row.get(column).unwrap_or_default())
            .map_err(|_| bad(format!("line {} is not UTF-8 text", self.line())))
    }

    /// Returns the line number of the current row.
    pub(crate) fn line(&self) -> u64 {
        self.row.position().map_or(0, csv::Position::line)
    }
}

fn wrong(error: csv::Error) -> FeedError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => FeedError::Io(error),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => bad(format!(
            "line {} has {len} fields and its header has {expected_len}",
            pos.map_or(0, |pos| pos.line())
        )),
        other => bad(format!("it is not valid CSV or TSV: {other:?}")),
    }
}
