//! One writer per data format. A writer turns pages into bytes as they arrive.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::ports::{ColumnarFormat, Encode, Encoder};
use catalog::{Page, Value};
use domain::visible;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::table::{TableDrawing, TableLayout, view_of};
use crate::text::{SerializedRow, TextDialect, data, visible_document};
use crate::{Failure, OutputFormat, Screen};

/// Rows that a table collects before it fixes the widths of its columns.
const LAYOUT_ROWS: usize = 1000;

/// A writer of one format. The bytes go to `out`, which is memory and cannot fail.
pub(crate) trait FormatWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure>;
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure>;
}

/// The properties of the output that decide how a format is written.
#[derive(Clone, Copy)]
pub(crate) struct FormatSettings {
    pub(crate) format: OutputFormat,
    pub(crate) screen: Screen,
    /// Whether CSV is made for a spreadsheet program.
    pub(crate) for_spreadsheet: bool,
    /// Whether the cells of a table keep their line breaks.
    pub(crate) keep_lines: bool,
}

/// Returns the writer of a format.
pub(crate) fn open<'a>(settings: &FormatSettings, encode: &'a dyn Encode) -> Box<dyn FormatWriter + 'a> {
    let settings = *settings;
    match settings.format {
        OutputFormat::Table => Box::new(TableWriter { settings, held: Page::default(), layout: None }),
        OutputFormat::Json => Box::new(JsonWriter { begun: false }),
        OutputFormat::Ndjson => Box::new(NdjsonWriter),
        OutputFormat::Csv => Box::new(CsvWriter { settings, begun: false }),
        OutputFormat::Yaml => Box::new(YamlWriter { settings, begun: false }),
        OutputFormat::Parquet => Box::new(BinaryWriter::new(ColumnarFormat::Parquet, encode)),
        OutputFormat::Arrow => Box::new(BinaryWriter::new(ColumnarFormat::Arrow, encode)),
    }
}

fn unwritable(why: impl std::fmt::Display) -> Failure {
    Failure::broken(format!("the answer cannot be written: {why}"))
}

struct TableWriter {
    settings: FormatSettings,
    held: Page,
    layout: Option<TableLayout>,
}

impl TableWriter {
    fn print(&mut self, out: &mut Vec<u8>) {
        let FormatSettings { screen, keep_lines, .. } = self.settings;
        let drawing = TableDrawing::new(&view_of(&self.held), screen, keep_lines);
        let first = self.layout.is_none();
        let layout = drawing.layout(self.layout.take());
        out.extend(drawing.print(&layout, first).bytes());
        self.layout = Some(layout);
        self.held.rows.clear();
    }
}

impl FormatWriter for TableWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.held.fields.clone_from(&page.fields);
        self.held.rows.extend_from_slice(&page.rows);
        if self.held.rows.len() >= LAYOUT_ROWS {
            self.print(out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.layout.is_none() || !self.held.rows.is_empty() {
            self.print(out);
        }
        Ok(())
    }
}

fn rows(page: &Page, dialect: TextDialect) -> impl Iterator<Item = SerializedRow<'_>> {
    page.rows.iter().map(move |values| SerializedRow { fields: &page.fields, values, dialect })
}

struct JsonWriter {
    begun: bool,
}

impl FormatWriter for JsonWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        for row in rows(page, TextDialect::Json) {
            out.extend(if self.begun { ",\n  " } else { "[\n  " }.bytes());
            self.begun = true;
            let object = serde_json::to_string_pretty(&row).map_err(unwritable)?;
            // Text in JSON contains no raw line feeds, so each one belongs to the indentation.
            out.extend(visible_document(&object).replace('\n', "\n  ").bytes());
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        out.extend(if self.begun { "\n]\n" } else { "[]\n" }.bytes());
        Ok(())
    }
}

struct NdjsonWriter;

impl FormatWriter for NdjsonWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        for row in rows(page, TextDialect::Json) {
            let object = serde_json::to_string(&row).map_err(unwritable)?;
            out.extend(visible_document(&object).bytes());
            out.push(b'\n');
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }
}

struct CsvWriter {
    settings: FormatSettings,
    begun: bool,
}

impl CsvWriter {
    /// Returns a text as a cell. A terminal gets no character that acts on it.
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let text = if self.settings.screen.is_terminal() { visible(text) } else { Cow::Borrowed(text) };
        match self.settings.for_spreadsheet && text.starts_with(FORMULA) {
            true => Cow::Owned(format!("'{text}")),
            false => text,
        }
    }

    fn cell(&self, value: &Value) -> String {
        match value {
            Value::Text(_) | Value::List(_) | Value::Struct(_) => self.text(&data(value)).into_owned(),
            other => data(other),
        }
    }
}

/// The characters that make a spreadsheet program run a text as a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

impl FormatWriter for CsvWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        if page.fields.is_empty() {
            return Ok(());
        }
        let mut writer = csv::Writer::from_writer(out);
        if !self.begun {
            let names = page.fields.iter().map(|field| self.text(&field.name).into_owned());
            writer.write_record(names).map_err(unwritable)?;
            self.begun = true;
        }
        for values in &page.rows {
            writer.write_record(values.iter().map(|value| self.cell(value))).map_err(unwritable)?;
        }
        writer.flush().map_err(unwritable)
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }
}

/// A page as a sequence. Consecutive sequences are one sequence in YAML.
struct SerializedRows<'a>(&'a Page);

impl Serialize for SerializedRows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.0.rows.len()))?;
        rows(self.0, TextDialect::Yaml).try_for_each(|row| seq.serialize_element(&row))?;
        seq.end()
    }
}

struct YamlWriter {
    settings: FormatSettings,
    begun: bool,
}

impl FormatWriter for YamlWriter {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        if page.rows.is_empty() {
            return Ok(());
        }
        self.begun = true;
        // Text stays on one line, quoted if necessary, because YAML readers differ on block
        // scalars.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let mut bytes = Vec::new();
        serde_saphyr::to_io_writer_with_options(&mut bytes, &SerializedRows(page), options)
            .map_err(unwritable)?;
        match self.settings.screen.is_terminal() {
            true => out.extend(visible_document(&String::from_utf8_lossy(&bytes)).bytes()),
            false => out.append(&mut bytes),
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if !self.begun {
            out.extend(b"[]\n");
        }
        Ok(())
    }
}

/// The buffer that an encoder writes to. It is emptied after each page, so that a closed pipe is
/// detected where stdout is written, and not as an error text of another crate.
#[derive(Clone, Default)]
struct EncoderBuffer(Arc<Mutex<Vec<u8>>>);

impl EncoderBuffer {
    fn drain(&self, out: &mut Vec<u8>) {
        out.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for EncoderBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct BinaryWriter<'a> {
    format: ColumnarFormat,
    encode: &'a dyn Encode,
    spill: EncoderBuffer,
    encoder: Option<Box<dyn Encoder>>,
}

impl<'a> BinaryWriter<'a> {
    fn new(format: ColumnarFormat, encode: &'a dyn Encode) -> BinaryWriter<'a> {
        BinaryWriter { format, encode, spill: EncoderBuffer::default(), encoder: None }
    }
}

impl FormatWriter for BinaryWriter<'_> {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        if self.encoder.is_none() {
            let spill = Box::new(self.spill.clone());
            self.encoder = Some(self.encode.start(&page.fields, self.format, spill).map_err(unwritable)?);
        }
        let encoder = self.encoder.as_mut().expect("it was opened above");
        encoder.page(page).map_err(unwritable)?;
        self.spill.drain(out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish().map_err(unwritable)?;
        }
        self.spill.drain(out);
        Ok(())
    }
}
