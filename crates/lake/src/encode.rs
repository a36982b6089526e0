use std::io::Write;

use catalog::ports::{Columnar, Encode, Encoder};
use catalog::{Field, Page, Type, Value};
use polars::io::SerWriter;
use polars::io::ipc::IpcWriter;
use polars::io::parquet::write::{BatchedWriter, ParquetWriter};
use polars::prelude::{CompatLevel, DataFrame};

use crate::columns;

/// The number of buffered rows at which a row group is written. Pages of an answer are smaller.
const GROUP: usize = 100_000;

/// Writes neutral pages as Parquet (zstd) or as an Arrow IPC file.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColumnarEncoder;

impl Encode for ColumnarEncoder {
    fn start<'a>(
        &self,
        fields: &[Field],
        format: Columnar,
        out: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String> {
        let schema = columns::schema(fields);
        let sink = match format {
            Columnar::Parquet => {
                Sink::Parquet(Box::new(ParquetWriter::new(out).batched(&schema).map_err(text)?))
            }
            Columnar::Arrow => Sink::Arrow(out, Box::new(DataFrame::empty_with_schema(&schema))),
        };
        let waiting = Page { fields: fields.to_vec(), rows: Vec::new() };
        Ok(Box::new(OpenFile { sink, waiting }))
    }
}

enum Sink<W: Write> {
    Parquet(Box<BatchedWriter<W>>),
    /// Kept in memory until `finish`: the footer of an Arrow file lists every part of it.
    Arrow(W, Box<DataFrame>),
}

impl<W: Write> Sink<W> {
    fn write(&mut self, frame: &DataFrame) -> Result<(), String> {
        match self {
            Sink::Parquet(writer) => writer.write_batch(frame).map_err(text),
            Sink::Arrow(_, all) => all.vstack_mut(frame).map(|_| ()).map_err(text),
        }
    }

    fn finish(&mut self) -> Result<(), String> {
        match self {
            Sink::Parquet(writer) => writer.finish().map(|_| ()).map_err(text),
            // Every Arrow reader supports the oldest layout.
            Sink::Arrow(out, all) => {
                IpcWriter::new(out).with_compat_level(CompatLevel::oldest()).finish(all).map_err(text)
            }
        }
    }
}

struct OpenFile<W: Write> {
    sink: Sink<W>,
    waiting: Page,
}

impl<W: Write> OpenFile<W> {
    fn write_waiting(&mut self) -> Result<(), String> {
        let frame = columns::frame(&self.waiting).map_err(text)?;
        self.waiting.rows.clear();
        self.sink.write(&frame)
    }
}

impl<W: Write> Encoder for OpenFile<W> {
    fn page(&mut self, page: &Page) -> Result<(), String> {
        let fields = &self.waiting.fields;
        let rows = page.rows.iter().map(|row| row.iter().zip(fields).map(|(v, f)| flat(v, &f.ty)).collect());
        self.waiting.rows.extend(rows);
        if self.waiting.rows.len() >= GROUP { self.write_waiting() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        if !self.waiting.rows.is_empty() {
            self.write_waiting()?;
        }
        self.sink.finish()
    }
}

/// Converts a value for the columnar formats: nesting deeper than a list becomes JSON text.
fn flat(value: &Value, ty: &Type) -> Value {
    match (value, ty) {
        (Value::Null, _) => Value::Null,
        (Value::Text(text), Type::Json) => Value::Text(text.clone()),
        (other, Type::Json) => Value::Text(catalog::json_text(other)),
        (Value::List(items), Type::List(of)) => Value::List(items.iter().map(|v| flat(v, of)).collect()),
        (other, _) => other.clone(),
    }
}

fn text(error: polars::prelude::PolarsError) -> String {
    error.to_string()
}
