//! Neutral pages as Parquet and Arrow files, piece by piece.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};
use arrow::ipc::writer::FileWriter;
use catalog::ports::{ColumnarFormat, Encode, Encoder};
use catalog::{Field, Page, Value, ValueType};
use domain::Decimal;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Rows that are gathered before a row group is written: pages of an answer are smaller.
const ROW_GROUP: usize = 100_000;

/// Writes neutral pages as Parquet (zstd) or as an Arrow IPC file.
#[derive(Debug, Clone, Copy, Default)]
pub struct ColumnarEncoder;

impl Encode for ColumnarEncoder {
    fn start<'a>(
        &self,
        fields: &[Field],
        format: ColumnarFormat,
        out: Box<dyn Write + Send + 'a>,
    ) -> Result<Box<dyn Encoder + 'a>, String> {
        let schema = schema(fields);
        let sink = match format {
            ColumnarFormat::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties));
                FileSink::Parquet(Box::new(writer.map_err(text)?))
            }
            ColumnarFormat::Arrow => FileSink::Arrow(FileWriter::try_new(out, &schema).map_err(text)?),
        };
        let pending = Page { fields: fields.to_vec(), rows: Vec::new() };
        Ok(Box::new(ColumnarFile { sink, schema, pending }))
    }
}

enum FileSink<W: Write + Send> {
    Parquet(Box<ArrowWriter<W>>),
    Arrow(FileWriter<W>),
}

struct ColumnarFile<W: Write + Send> {
    sink: FileSink<W>,
    schema: SchemaRef,
    pending: Page,
}

impl<W: Write + Send> ColumnarFile<W> {
    fn write_pending(&mut self) -> Result<(), String> {
        let batch = record_batch(&self.pending, &self.schema)?;
        self.pending.rows.clear();
        match &mut self.sink {
            FileSink::Parquet(writer) => writer.write(&batch).and_then(|()| writer.flush()).map_err(text),
            FileSink::Arrow(writer) => writer.write(&batch).map_err(text),
        }
    }
}

impl<W: Write + Send> Encoder for ColumnarFile<W> {
    fn page(&mut self, page: &Page) -> Result<(), String> {
        self.pending.rows.extend(page.rows.iter().cloned());
        if self.pending.rows.len() >= ROW_GROUP { self.write_pending() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        if !self.pending.rows.is_empty() {
            self.write_pending()?;
        }
        match self.sink {
            FileSink::Parquet(writer) => writer.into_inner().map_err(text)?.flush().map_err(text),
            FileSink::Arrow(mut writer) => writer.finish().map_err(text),
        }
    }
}

fn schema(fields: &[Field]) -> SchemaRef {
    let field = |field: &Field| ArrowField::new(&field.name, data_type(&field.ty), true);
    Arc::new(Schema::new(fields.iter().map(field).collect::<Vec<_>>()))
}

/// The Arrow type of a neutral one. Values that nest deeper than a list are written as JSON text.
fn data_type(ty: &ValueType) -> DataType {
    match ty {
        ValueType::Bool => DataType::Boolean,
        ValueType::Int => DataType::Int64,
        ValueType::Float => DataType::Float64,
        ValueType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale as i8),
        ValueType::Text | ValueType::Json => DataType::Utf8,
        ValueType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ValueType::Date => DataType::Date32,
        ValueType::List(of) => DataType::List(list_field(of)),
    }
}

fn list_field(of: &ValueType) -> Arc<ArrowField> {
    Arc::new(ArrowField::new_list_field(data_type(of), true))
}

fn record_batch(page: &Page, schema: &SchemaRef) -> Result<RecordBatch, String> {
    let column = |(at, field): (usize, &Field)| {
        let values: Vec<&Value> = page.rows.iter().map(|row| &row[at]).collect();
        array(&values, &field.ty).map_err(|reason| format!("column {}: {reason}", field.name))
    };
    let columns = page.fields.iter().enumerate().map(column).collect::<Result<Vec<ArrayRef>, String>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(page.rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(text)
}

/// Values as one array. A value that does not fit the column's type is an error, never rounded.
fn array(values: &[&Value], ty: &ValueType) -> Result<ArrayRef, String> {
    macro_rules! primitive {
        ($array:ty, $pattern:pat => $value:expr) => {
            Arc::new(
                values
                    .iter()
                    .map(|value| match value {
                        Value::Null => Ok(None),
                        $pattern => Ok(Some($value)),
                        other => Err(misfit(other, ty)),
                    })
                    .collect::<Result<$array, String>>()?,
            )
        };
    }
    Ok(match ty {
        ValueType::Bool => primitive!(BooleanArray, Value::Bool(flag) => *flag),
        ValueType::Int => primitive!(Int64Array, Value::Int(number) => *number),
        ValueType::Float => primitive!(Float64Array, Value::Float(number) => *number),
        ValueType::Text => primitive!(StringArray, Value::Text(text) => text.as_str()),
        ValueType::Timestamp => {
            primitive!(TimestampMicrosecondArray, Value::Timestamp(at) => at.as_microsecond())
        }
        ValueType::Date => primitive!(Date32Array, Value::Date(days) => *days),
        ValueType::Decimal(precision, scale) => decimals(values, *precision, *scale)?,
        ValueType::Json => Arc::new(values.iter().map(|value| json(value)).collect::<StringArray>()),
        ValueType::List(of) => lists(values, of)?,
    })
}

fn decimals(values: &[&Value], precision: u8, scale: u8) -> Result<ArrayRef, String> {
    let one = |value: &&Value| match value {
        Value::Null => Ok(None),
        Value::Int(number) => exact(Decimal::from(*number), precision, scale).map(Some),
        Value::Decimal(number) => exact(*number, precision, scale).map(Some),
        other => Err(misfit(other, &ValueType::Decimal(precision, scale))),
    };
    let numbers = values.iter().map(one).collect::<Result<Decimal128Array, String>>()?;
    Ok(Arc::new(numbers.with_precision_and_scale(precision, scale as i8).map_err(text)?))
}

fn lists(values: &[&Value], of: &ValueType) -> Result<ArrayRef, String> {
    let mut items: Vec<&Value> = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    for value in values {
        let before = items.len();
        match value {
            Value::Null => {}
            Value::List(list) => items.extend(list),
            other => return Err(misfit(other, &ValueType::List(Box::new(of.clone())))),
        }
        lengths.push(items.len() - before);
    }
    let present = values.iter().map(|value| **value != Value::Null).collect::<Vec<bool>>();
    let offsets = OffsetBuffer::from_lengths(lengths);
    let list = ListArray::try_new(list_field(of), offsets, array(&items, of)?, Some(present.into()));
    Ok(Arc::new(list.map_err(text)?))
}

fn json(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone()),
        other => Some(catalog::json_text(other)),
    }
}

/// The number as an integer count of its last decimal place.
fn exact(number: Decimal, precision: u8, scale: u8) -> Result<i128, String> {
    let mut scaled = number;
    scaled.rescale(u32::from(scale));
    let fits = scaled.mantissa().unsigned_abs() < 10u128.pow(u32::from(precision));
    if scaled != number || !fits {
        return Err(format!("{number} does not fit DECIMAL({precision},{scale})"));
    }
    Ok(scaled.mantissa())
}

fn misfit(value: &Value, ty: &ValueType) -> String {
    format!("{value:?} is not a {}", ty.sql())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::{Mutex, PoisonError};

    use arrow::ipc::reader::FileReader;
    use domain::Timestamp;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    /// A sink whose bytes remain readable after the encoder is gone.
    struct Shared<'a>(&'a Mutex<Vec<u8>>);

    impl Write for Shared<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn every_type() -> Page {
        let list = ValueType::List(Box::new(ValueType::Text));
        let columns = [
            ("flag", ValueType::Bool, Value::Bool(true)),
            ("count", ValueType::Int, Value::Int(-7)),
            ("share", ValueType::Float, Value::Float(0.25)),
            ("price", ValueType::Decimal(18, 10), Value::Decimal("0.0104000000".parse().unwrap())),
            ("name", ValueType::Text, Value::Text("m7i.large".into())),
            ("at", ValueType::Timestamp, Value::Timestamp(Timestamp::from_second(1_700_000_000).unwrap())),
            ("day", ValueType::Date, Value::Date(20_000)),
            ("zones", list, Value::List(vec![Value::Text("use1-az1".into()), Value::Null])),
            ("extra", ValueType::Json, Value::Struct(vec![("a".into(), Value::Int(1))])),
        ];
        let nulls = columns.iter().map(|_| Value::Null).collect();
        let fields = columns.iter().map(|(name, ty, _)| Field::new(*name, ty.clone())).collect();
        Page { fields, rows: vec![columns.into_iter().map(|(_, _, value)| value).collect(), nulls] }
    }

    fn encoded(page: &Page, format: ColumnarFormat) -> Result<Vec<u8>, String> {
        let bytes = Mutex::new(Vec::new());
        let mut encoder = ColumnarEncoder.start(&page.fields, format, Box::new(Shared(&bytes)))?;
        encoder.page(page)?;
        encoder.finish()?;
        Ok(bytes.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    #[test]
    fn pages_are_read_back_by_arrow_and_parquet_readers() {
        let page = every_type();
        let mut read: Vec<RecordBatch> = Vec::new();
        let arrow = encoded(&page, ColumnarFormat::Arrow).unwrap();
        read.extend(FileReader::try_new(Cursor::new(arrow), None).unwrap().map(Result::unwrap));
        let parquet = encoded(&page, ColumnarFormat::Parquet).unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(parquet)).unwrap();
        read.extend(reader.build().unwrap().map(Result::unwrap));
        assert_eq!(read.len(), 2);
        for batch in read {
            let found = crate::arrow_page::page(&batch).unwrap();
            assert_eq!(found.rows[0][..8], page.rows[0][..8]);
            assert_eq!(found.rows[0][8], Value::Text("{\"a\":1}".into()));
            assert_eq!(found.rows[1], page.rows[1]);
        }
    }

    #[test]
    fn a_page_without_rows_has_its_columns() {
        let page = Page { rows: Vec::new(), ..every_type() };
        let arrow = encoded(&page, ColumnarFormat::Arrow).unwrap();
        let reader = FileReader::try_new(Cursor::new(arrow), None).unwrap();
        assert_eq!(reader.schema().fields().len(), page.fields.len());
    }

    #[test]
    fn a_value_that_does_not_fit_its_column_is_refused() {
        let check = |ty: ValueType, value: Value, expected: &str| {
            let page = Page { fields: vec![Field::new("a", ty)], rows: vec![vec![value]] };
            let error = encoded(&page, ColumnarFormat::Parquet).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        check(ValueType::Decimal(18, 10), decimal("0.12345678901"), "does not fit DECIMAL(18,10)");
        check(ValueType::Decimal(18, 10), decimal("123456789.1"), "does not fit DECIMAL(18,10)");
        check(ValueType::Int, Value::Text("7".into()), "is not a BIGINT");
        check(ValueType::List(Box::new(ValueType::Int)), Value::Int(7), "is not a BIGINT[]");
    }
}
