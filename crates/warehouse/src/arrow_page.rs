//! Conversion of Arrow batches to neutral pages. A value that does not fit is refused, never
//! rounded.

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, FixedSizeListArray, ListArray, MapArray, RecordBatch, StructArray,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
    TimestampNanosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use catalog::{Field, Page, Value, ValueType};
use domain::{Decimal, Timestamp};

/// Returns the neutral columns of a schema.
pub(crate) fn fields(schema: &Schema) -> Vec<Field> {
    schema.fields().iter().map(|field| Field::new(field.name(), ty(field.data_type()))).collect()
}

fn ty(data_type: &DataType) -> ValueType {
    match data_type {
        DataType::Boolean => ValueType::Bool,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => ValueType::Int,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => ValueType::Int,
        DataType::UInt64 => ValueType::Decimal(20, 0),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => ValueType::Float,
        DataType::Decimal128(precision, scale) => ValueType::Decimal(*precision, scale.unsigned_abs()),
        DataType::Timestamp(_, _) => ValueType::Timestamp,
        DataType::Date32 => ValueType::Date,
        DataType::List(of) | DataType::FixedSizeList(of, _) => ValueType::List(Box::new(ty(of.data_type()))),
        DataType::Struct(_) | DataType::Map(_, _) => ValueType::Json,
        _ => ValueType::Text,
    }
}

/// Converts a batch to a page.
///
/// Errors: a number of more than 28 digits, an instant outside the years -9999 to 9999, or an
/// instant with a fraction of a microsecond.
pub(crate) fn page(batch: &RecordBatch) -> Result<Page, String> {
    let width = batch.num_columns();
    let mut rows: Vec<Vec<Value>> = (0..batch.num_rows()).map(|_| Vec::with_capacity(width)).collect();
    // Column by column, so that the memory of one column is reused for the next.
    for column in batch.columns() {
        for (row, value) in rows.iter_mut().zip(values(column)?) {
            row.push(value);
        }
    }
    Ok(Page { fields: fields(&batch.schema()), rows })
}

fn values(array: &ArrayRef) -> Result<Vec<Value>, String> {
    let failed = |e: arrow::error::ArrowError| e.to_string();
    match array.data_type() {
        DataType::Null => Ok(vec![Value::Null; array.len()]),
        DataType::Boolean => {
            Ok(array.as_boolean().iter().map(|v| v.map_or(Value::Null, Value::Bool)).collect())
        }
        DataType::Int64 => {
            Ok(array.as_primitive::<Int64Type>().iter().map(|v| v.map_or(Value::Null, Value::Int)).collect())
        }
        DataType::Float64 => Ok(array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|v| v.map_or(Value::Null, Value::Float))
            .collect()),
        DataType::Utf8 => Ok(array.as_string::<i32>().iter().map(Value::from).collect()),
        DataType::Date32 => Ok(array
            .as_primitive::<Date32Type>()
            .iter()
            .map(|v| v.map_or(Value::Null, Value::Date))
            .collect()),
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => values(&cast(array, &DataType::Int64).map_err(failed)?),
        DataType::Float16 | DataType::Float32 => values(&cast(array, &DataType::Float64).map_err(failed)?),
        DataType::UInt64 => values(&cast(array, &DataType::Decimal128(20, 0)).map_err(failed)?),
        DataType::Decimal128(_, scale) => {
            let scale = u32::from(scale.unsigned_abs());
            array
                .as_primitive::<Decimal128Type>()
                .iter()
                .map(|v| v.map_or(Ok(Value::Null), |v| exact(v, scale)))
                .collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            let instants = array.as_primitive::<TimestampMicrosecondType>();
            instants.iter().map(|v| v.map_or(Ok(Value::Null), instant)).collect()
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            let instants = array.as_primitive::<TimestampNanosecondType>();
            instants.iter().map(|v| v.map_or(Ok(Value::Null), whole_micros)).collect()
        }
        DataType::Timestamp(_, _) => {
            values(&cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(failed)?)
        }
        DataType::List(_) => lists(array.as_list::<i32>()),
        DataType::FixedSizeList(_, _) => fixed_lists(array.as_fixed_size_list()),
        DataType::Struct(_) => structs(array.as_struct()),
        DataType::Map(_, _) => maps(array.as_map()),
        DataType::Binary => Ok(blobs(array.as_binary::<i32>())),
        DataType::Dictionary(_, _) | DataType::LargeUtf8 | DataType::Utf8View => {
            values(&cast(array, &DataType::Utf8).map_err(failed)?)
        }
        _ => texts(array),
    }
}

fn exact(mantissa: i128, scale: u32) -> Result<Value, String> {
    Decimal::try_from_i128_with_scale(mantissa, scale).map(Value::Decimal).map_err(|_| {
        format!("{mantissa}e-{scale} has more digits than can be kept exactly; CAST it to DOUBLE or VARCHAR")
    })
}

fn instant(micros: i64) -> Result<Value, String> {
    Timestamp::from_microsecond(micros)
        .map(Value::Timestamp)
        .map_err(|_| "an instant lies outside the years -9999 to 9999; CAST it to VARCHAR".to_string())
}

fn whole_micros(nanos: i64) -> Result<Value, String> {
    if nanos % 1000 != 0 {
        return Err("an instant has a fraction of a microsecond; CAST it to TIMESTAMP or VARCHAR".into());
    }
    instant(nanos / 1000)
}

fn lists(array: &ListArray) -> Result<Vec<Value>, String> {
    // All items are converted at once and then split: one array per row would cost a search about 5
    // ms.
    let offsets = array.value_offsets();
    let mut items = values(array.values())?.into_iter().skip(offsets[0] as usize);
    let one = |row: usize| {
        let length = (offsets[row + 1] - offsets[row]) as usize;
        let items: Vec<Value> = items.by_ref().take(length).collect();
        if array.is_null(row) { Value::Null } else { Value::List(items) }
    };
    Ok((0..array.len()).map(one).collect())
}

fn fixed_lists(array: &FixedSizeListArray) -> Result<Vec<Value>, String> {
    array.iter().map(|items| items.map_or(Ok(Value::Null), |items| values(&items).map(Value::List))).collect()
}

fn structs(array: &StructArray) -> Result<Vec<Value>, String> {
    let columns: Vec<Vec<Value>> = array.columns().iter().map(values).collect::<Result<_, _>>()?;
    let names = array.column_names();
    let one = |row: usize| {
        let entries =
            names.iter().zip(&columns).map(|(name, column)| (name.to_string(), column[row].clone()));
        Value::Struct(entries.collect())
    };
    Ok((0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { one(row) }).collect())
}

fn maps(array: &MapArray) -> Result<Vec<Value>, String> {
    let keys = values(array.keys())?;
    let items = values(array.values())?;
    let one = |row: usize| {
        let (from, to) = (array.value_offsets()[row] as usize, array.value_offsets()[row + 1] as usize);
        let key = |at: usize| match &keys[at] {
            Value::Text(text) => text.clone(),
            other => catalog::json_text(other),
        };
        Value::Struct((from..to).map(|at| (key(at), items[at].clone())).collect())
    };
    Ok((0..array.len()).map(|row| if array.is_null(row) { Value::Null } else { one(row) }).collect())
}

fn blobs(array: &BinaryArray) -> Vec<Value> {
    array.iter().map(|bytes| bytes.map(domain::hex).into()).collect()
}

/// Converts types without a neutral counterpart (times of day, intervals, …) to Arrow's text form.
fn texts(array: &ArrayRef) -> Result<Vec<Value>, String> {
    let options = FormatOptions::default().with_null("");
    let formatter = ArrayFormatter::try_new(array, &options).map_err(|e| e.to_string())?;
    let text =
        |row| if array.is_null(row) { Value::Null } else { Value::Text(formatter.value(row).to_string()) };
    Ok((0..array.len()).map(text).collect())
}

#[cfg(test)]
mod tests {
    use duckdb::Connection;

    use super::*;

    #[test]
    fn rejects_an_instant_with_a_fraction_of_a_microsecond() {
        let connection = Connection::open_in_memory().unwrap();
        let check = |sql: &str, expected: &str| {
            let mut statement = connection.prepare(sql).unwrap();
            let batches: Vec<RecordBatch> = statement.query_arrow([]).unwrap().collect();
            let found = match page(&batches[0]) {
                Ok(page) => catalog::json_text(&page.rows[0][0]),
                Err(why) => why,
            };
            assert!(found.contains(expected), "{sql}: {found}");
        };
        check("SELECT TIMESTAMP_NS '2026-01-02 03:04:05.123456'", "2026-01-02T03:04:05.123456Z");
        check("SELECT TIMESTAMP_NS '2026-01-02 03:04:05.123456001'", "CAST it to TIMESTAMP");
        check("SELECT TIMESTAMP_S '2026-01-02 03:04:05'", "2026-01-02T03:04:05Z");
        check("SELECT NULL::TIMESTAMP_NS", "null");
    }
}
