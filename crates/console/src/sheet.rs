//! One writer per data format. A writer turns pages into bytes as they arrive.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Page;
use catalog::ports::{Columnar, Encode, Encoder};
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::table::{Drawing, Layout, view_of};
use crate::text::{Dialect, Row, data};
use crate::{Failure, Format, Screen};

/// Rows that a table collects before it fixes the widths of its columns.
const HELD: usize = 1000;

/// A writer of one format. The bytes go to `out`, which is memory and cannot fail.
pub(crate) trait Sheet {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure>;
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure>;
}

/// Returns the writer of a format.
pub(crate) fn open<'a>(format: Format, screen: Screen, encode: &'a dyn Encode) -> Box<dyn Sheet + 'a> {
    match format {
        Format::Table => Box::new(Table { screen, held: Page::default(), layout: None }),
        Format::Json => Box::new(Json { begun: false }),
        Format::Ndjson => Box::new(Ndjson),
        Format::Csv => Box::new(Csv { begun: false }),
        Format::Yaml => Box::new(Yaml { begun: false }),
        Format::Parquet => Box::new(Binary::new(Columnar::Parquet, encode)),
        Format::Arrow => Box::new(Binary::new(Columnar::Arrow, encode)),
    }
}

fn unwritable(why: impl std::fmt::Display) -> Failure {
    Failure::broken(format!("the answer cannot be written: {why}"))
}

struct Table {
    screen: Screen,
    held: Page,
    layout: Option<Layout>,
}

impl Table {
    fn print(&mut self, out: &mut Vec<u8>) {
        let drawing = Drawing::new(&view_of(&self.held), self.screen);
        let first = self.layout.is_none();
        let layout = drawing.layout(self.layout.take());
        out.extend(drawing.print(&layout, first).bytes());
        self.layout = Some(layout);
        self.held.rows.clear();
    }
}

impl Sheet for Table {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        self.held.fields.clone_from(&page.fields);
        self.held.rows.extend_from_slice(&page.rows);
        if self.held.rows.len() >= HELD {
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

fn rows(page: &Page, dialect: Dialect) -> impl Iterator<Item = Row<'_>> {
    page.rows.iter().map(move |values| Row { fields: &page.fields, values, dialect })
}

struct Json {
    begun: bool,
}

impl Sheet for Json {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        for row in rows(page, Dialect::Json) {
            out.extend(if self.begun { ",\n  " } else { "[\n  " }.bytes());
            self.begun = true;
            let object = serde_json::to_string_pretty(&row).map_err(unwritable)?;
            // Text in JSON contains no raw line feeds, so each one belongs to the indentation.
            out.extend(object.replace('\n', "\n  ").bytes());
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Failure> {
        out.extend(if self.begun { "\n]\n" } else { "[]\n" }.bytes());
        Ok(())
    }
}

struct Ndjson;

impl Sheet for Ndjson {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        for row in rows(page, Dialect::Json) {
            serde_json::to_writer(&mut *out, &row).map_err(unwritable)?;
            out.push(b'\n');
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }
}

struct Csv {
    begun: bool,
}

impl Sheet for Csv {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        if page.fields.is_empty() {
            return Ok(());
        }
        let mut writer = csv::Writer::from_writer(out);
        if !self.begun {
            writer.write_record(page.fields.iter().map(|field| &field.name)).map_err(unwritable)?;
            self.begun = true;
        }
        for values in &page.rows {
            writer.write_record(values.iter().map(data)).map_err(unwritable)?;
        }
        writer.flush().map_err(unwritable)
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), Failure> {
        Ok(())
    }
}

/// A page as a sequence. Consecutive sequences are one sequence in YAML.
struct Rows<'a>(&'a Page);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut seq = to.serialize_seq(Some(self.0.rows.len()))?;
        rows(self.0, Dialect::Yaml).try_for_each(|row| seq.serialize_element(&row))?;
        seq.end()
    }
}

struct Yaml {
    begun: bool,
}

impl Sheet for Yaml {
    fn page(&mut self, page: &Page, out: &mut Vec<u8>) -> Result<(), Failure> {
        if page.rows.is_empty() {
            return Ok(());
        }
        self.begun = true;
        // Text stays on one line, quoted if necessary, because YAML readers differ on block
        // scalars.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_io_writer_with_options(out, &Rows(page), options).map_err(unwritable)
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
struct Spill(Arc<Mutex<Vec<u8>>>);

impl Spill {
    fn drain(&self, out: &mut Vec<u8>) {
        out.append(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Binary<'a> {
    format: Columnar,
    encode: &'a dyn Encode,
    spill: Spill,
    encoder: Option<Box<dyn Encoder>>,
}

impl<'a> Binary<'a> {
    fn new(format: Columnar, encode: &'a dyn Encode) -> Binary<'a> {
        Binary { format, encode, spill: Spill::default(), encoder: None }
    }
}

impl Sheet for Binary<'_> {
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
