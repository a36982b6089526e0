//! Reads a foreign table, CSV or Parquet, piece by piece. Memory use does not grow with the file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;

use csv::ByteRecord;
use domain::{MOST_COLUMNS, RecordReader, check_record};
use polars::io::SerReader;
use polars::io::parquet::metadata::FileMetadataRef;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{Column, DataFrame, IntoColumn, PlSmallStr, StringChunkedBuilder};

use crate::parquet_guard::guarded;
use crate::parquet_limits::{check_fields, check_footer, row_size, text_bytes};
use crate::price_file::read_group;

/// Rows of a piece.
const PIECE: usize = 25_000;

/// Rows of a piece of a Parquet file. Writers make row groups of about 120,000 rows; each piece of
/// a larger one decodes the rows before it again.
const GROUP_PIECE: usize = 125_000;

/// Bytes of a piece, apart from its last row.
const PIECE_BYTES: usize = 64 << 20;

/// Bytes of a cell, apart from its text.
const CELL: usize = 16;

/// Opens a text file, which may be compressed.
pub(crate) type BillOpener<'a> = &'a dyn Fn(&Path) -> io::Result<Box<dyn BufRead>>;

/// An open table. Each error text is a lowercase fragment that begins with "it", "its" or a row or
/// line number.
pub(crate) struct BillTable {
    /// The columns' names, in the file's spelling.
    pub(crate) names: Vec<String>,
    /// The line of each of the last returned rows; empty if the file has no lines.
    pub(crate) lines: Vec<u64>,
    rows: TableRows,
    /// The number of rows returned so far.
    read: usize,
    /// The text of an empty CSV field.
    null: &'static [u8],
}

type CsvRows = csv::Reader<RecordReader<Box<dyn BufRead>>>;

enum TableRows {
    Csv(Box<CsvRows>),
    Parquet(ParquetRows),
}

/// The read position in a Parquet file.
struct ParquetRows {
    file: File,
    footer: FileMetadataRef,
    /// The next row: its row group, and its index there.
    next: (usize, usize),
    /// Rows of the next piece.
    piece: usize,
}

impl BillTable {
    /// Opens a file and reads the names of its columns. An empty CSV field is null, and so is one
    /// that equals `null`.
    pub(crate) fn open(path: &Path, open: BillOpener<'_>, null: &'static [u8]) -> Result<BillTable, String> {
        let mut file = File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
        let mut start = [0; 4];
        let parquet = file.read_exact(&mut start).is_ok() && &start == b"PAR1";
        let (names, rows) = if parquet { open_parquet(file)? } else { open_csv(open(path))? };
        if names.len() > MOST_COLUMNS {
            return Err(format!("it has more than {MOST_COLUMNS} columns, the limit of a table"));
        }
        let mut known = HashSet::new();
        if let Some(twice) = names.iter().find(|name| !known.insert(name.as_str())) {
            return Err(format!("it has the column \"{twice}\" twice"));
        }
        Ok(BillTable { names, lines: Vec::new(), rows, read: 0, null })
    }

    /// Returns the next rows, or none after the last one. CSV columns are texts; Parquet columns
    /// have their own types.
    pub(crate) fn next(&mut self) -> Result<Option<DataFrame>, String> {
        let piece = match &mut self.rows {
            TableRows::Csv(reader) => csv_piece(reader, &self.names, self.null, &mut self.lines)?,
            TableRows::Parquet(rows) => rows.next(self.read)?,
        };
        self.read += piece.as_ref().map_or(0, DataFrame::height);
        Ok(piece)
    }
}

fn open_parquet(file: File) -> Result<(Vec<String>, TableRows), String> {
    let again = file.try_clone().map_err(|e| format!("it cannot be read: {e}"))?;
    let mut reader = ParquetReader::new(again);
    let wrong = |_| "it is cut short, or damaged".to_string();
    let footer = guarded(|| reader.get_metadata().cloned()).map_err(wrong)?;
    check_footer(&footer)?;
    let schema = guarded(|| reader.schema()).map_err(wrong)?;
    let names = schema.iter_names().map(ToString::to_string).collect();
    let piece = (PIECE_BYTES / row_size(&footer).max(1)).clamp(1, GROUP_PIECE);
    Ok((names, TableRows::Parquet(ParquetRows { file, footer, next: (0, 0), piece })))
}

impl ParquetRows {
    /// Returns the next rows of one row group. `read` is the number of rows before them. The pieces
    /// become smaller if rows are larger than the footer states.
    fn next(&mut self, read: usize) -> Result<Option<DataFrame>, String> {
        let (group, from) = self.next;
        let Some(rows) = self.footer.row_groups.get(group).map(|group| group.num_rows()) else {
            return Ok(None);
        };
        if from >= rows {
            self.next = (group + 1, 0);
            return self.next(read);
        }
        loop {
            let file = self.file.try_clone().map_err(|e| format!("it cannot be read: {e}"))?;
            let mut piece = guarded(|| read_group(file, &self.footer, group, from, self.piece, None))
                .map_err(|e| format!("it cannot be read after row {read}: {e}"))?;
            if text_bytes(&piece) <= 2 * PIECE_BYTES || self.piece == 1 {
                check_fields(&piece)?;
                if piece.height() == 0 {
                    return Err("it has fewer rows than its footer states".into());
                }
                piece.rechunk_mut();
                self.next = (group, from + piece.height());
                return Ok(Some(piece));
            }
            self.piece /= 2;
        }
    }
}

fn open_csv(reader: io::Result<Box<dyn BufRead>>) -> Result<(Vec<String>, TableRows), String> {
    let reader = reader.map_err(|e| format!("it cannot be read: {e}"))?;
    let mut reader =
        csv::ReaderBuilder::new().buffer_capacity(1 << 18).from_reader(RecordReader::new(reader));
    let header = reader.byte_headers().map_err(words)?;
    check_record(header.as_slice().len(), header.iter())?;
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).map_err(|_| "its header is not UTF-8 text");
    let names: Vec<String> = header.iter().map(name).collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err("it is empty".into());
    }
    Ok((names, TableRows::Csv(Box::new(reader))))
}

fn csv_piece(
    reader: &mut CsvRows,
    names: &[String],
    null: &[u8],
    lines: &mut Vec<u64>,
) -> Result<Option<DataFrame>, String> {
    let capacity = PIECE.min(PIECE_BYTES / CELL / names.len());
    let new = |name: &String| StringChunkedBuilder::new(PlSmallStr::from_str(name), capacity);
    let mut columns: Vec<StringChunkedBuilder> = names.iter().map(new).collect();
    let mut record = ByteRecord::new();
    let (mut rows, mut bytes) = (0, 0);
    lines.clear();
    while rows < PIECE && bytes < PIECE_BYTES {
        reader.get_mut().start_record();
        if !reader.read_byte_record(&mut record).map_err(words)? {
            if !reader.get_ref().ends_a_line() {
                return Err("it is cut short: its last line has no end".into());
            }
            break;
        }
        let length = record.as_slice().len();
        check_record(length, record.iter()).map_err(|why| format!("line {}: {why}", line(&record)))?;
        for (column, field) in columns.iter_mut().zip(&record) {
            match field {
                field if field.is_empty() || field == null => column.append_null(),
                field => column.append_value(utf8(field, &record)?),
            }
        }
        lines.push(line(&record));
        rows += 1;
        bytes += length + names.len() * CELL;
    }
    let columns: Vec<Column> = columns.into_iter().map(|column| column.finish().into_column()).collect();
    let piece = DataFrame::new(rows, columns).map_err(|e| e.to_string())?;
    Ok((rows > 0).then_some(piece))
}

fn utf8<'a>(field: &'a [u8], record: &ByteRecord) -> Result<&'a str, String> {
    std::str::from_utf8(field).map_err(|_| format!("line {} is not UTF-8 text", line(record)))
}

fn line(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

fn words(error: csv::Error) -> String {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it is cut short".into(),
        csv::ErrorKind::Io(error) => format!("it cannot be read: {error}"),
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => format!(
            "line {} has {len} fields and its header has {expected_len}",
            pos.map_or(0, |pos| pos.line())
        ),
        other => format!("it is not CSV: {other:?}"),
    }
}
