//! Converts neutral pages and batches to polars frames.

use catalog::{ColumnValues, Dataset, Field, Page, RowBatch, Value, ValueType};
use domain::Decimal;
use polars::prelude::{
    AnyValue, Column, DataFrame, DataType, IntoSeries, NamedFrom, PlSmallStr, PolarsError, PolarsResult,
    Schema, Series, StringChunked, TimeUnit,
};

/// The polars type of a neutral type. Nesting deeper than a list is written as JSON text.
pub(crate) fn data_type(ty: &ValueType) -> DataType {
    match ty {
        ValueType::Bool => DataType::Boolean,
        ValueType::Int => DataType::Int64,
        ValueType::Float => DataType::Float64,
        ValueType::Decimal(precision, scale) => {
            DataType::Decimal(usize::from(*precision), usize::from(*scale))
        }
        ValueType::Text | ValueType::Json => DataType::String,
        ValueType::Timestamp => DataType::Datetime(TimeUnit::Microseconds, None),
        ValueType::Date => DataType::Date,
        ValueType::List(of) => DataType::List(Box::new(data_type(of))),
    }
}

/// The polars schema of these columns.
pub(crate) fn schema(fields: &[Field]) -> Schema {
    fields.iter().map(|field| (PlSmallStr::from_str(&field.name), data_type(&field.ty))).collect()
}

/// Converts a page to a frame. A value that does not fit its column's type is an error, never
/// rounded.
pub(crate) fn frame(page: &Page) -> PolarsResult<DataFrame> {
    let columns = page
        .fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let values: Vec<AnyValue<'_>> =
                page.rows.iter().map(|row| any_value(&row[at], &field.ty)).collect::<PolarsResult<_>>()?;
            series(&field.name, &values, &field.ty).map(Column::from)
        })
        .collect::<PolarsResult<Vec<Column>>>()?;
    DataFrame::new(page.rows.len(), columns)
}

/// Converts a batch to a frame. The batch's cells are columns already.
pub(crate) fn batch_frame(batch: &RowBatch) -> PolarsResult<DataFrame> {
    let columns = batch.fields.iter().zip(&batch.cells).map(|(field, cells)| column(field, cells));
    DataFrame::new(batch.len(), columns.collect::<PolarsResult<Vec<Column>>>()?)
}

/// Returns the columns of a dataset's files, in the dataset's order and types. A missing column
/// becomes null: the file is older than the column.
pub(crate) fn aligned(frame: &DataFrame, dataset: &Dataset) -> PolarsResult<DataFrame> {
    let one = |field: Field| match frame.column(&field.name) {
        Ok(column) => column.cast(&data_type(&field.ty)),
        Err(_) => {
            Ok(Column::full_null(PlSmallStr::from_str(&field.name), frame.height(), &data_type(&field.ty)))
        }
    };
    let columns = dataset.fields().into_iter().map(one).collect::<PolarsResult<Vec<Column>>>()?;
    DataFrame::new(frame.height(), columns)
}

fn column(field: &Field, cells: &ColumnValues) -> PolarsResult<Column> {
    let name = PlSmallStr::from_str(&field.name);
    let wrong = || PolarsError::SchemaMismatch(format!("{} is no {}", field.name, field.ty.sql()).into());
    let series = match (cells, &field.ty) {
        (ColumnValues::Bool(values), ValueType::Bool) => Series::new(name, values),
        (ColumnValues::Int(values), ValueType::Int) => Series::new(name, values),
        (ColumnValues::Float(values), ValueType::Float) => Series::new(name, values),
        (ColumnValues::Text(words), ValueType::Text | ValueType::Json) => (0..words.rows().len())
            .map(|row| words.get(row))
            .collect::<StringChunked>()
            .with_name(name)
            .into_series(),
        (ColumnValues::Timestamp(values), ValueType::Timestamp) => {
            Series::new(name, values).into_datetime(TimeUnit::Microseconds, None)
        }
        (ColumnValues::Date(values), ValueType::Date) => Series::new(name, values).into_date(),
        (ColumnValues::Decimal(values), ValueType::Decimal(precision, scale)) => {
            let (precision, scale) = (usize::from(*precision), usize::from(*scale));
            Series::new(name, values).into_decimal(precision, scale)?
        }
        (ColumnValues::Other(values), ty) => {
            let values: Vec<AnyValue<'_>> =
                values.iter().map(|value| any_value(value, ty)).collect::<PolarsResult<_>>()?;
            series(&field.name, &values, ty)?
        }
        _ => return Err(wrong()),
    };
    Ok(Column::from(series))
}

fn series(name: &str, values: &[AnyValue<'_>], ty: &ValueType) -> PolarsResult<Series> {
    Series::from_any_values_and_dtype(PlSmallStr::from_str(name), values, &data_type(ty), true)
}

fn any_value<'a>(value: &'a Value, ty: &ValueType) -> PolarsResult<AnyValue<'a>> {
    Ok(match (value, ty) {
        (Value::Null, _) => AnyValue::Null,
        (Value::Bool(flag), _) => AnyValue::Boolean(*flag),
        (Value::Int(number), ValueType::Decimal(p, s)) => exact(Decimal::from(*number), *p, *s)?,
        (Value::Int(number), _) => AnyValue::Int64(*number),
        (Value::Float(number), _) => AnyValue::Float64(*number),
        (Value::Decimal(number), ValueType::Decimal(p, s)) => exact(*number, *p, *s)?,
        (Value::Text(text), _) => AnyValue::String(text),
        (Value::Timestamp(instant), _) => {
            AnyValue::Datetime(instant.as_microsecond(), TimeUnit::Microseconds, None)
        }
        (Value::Date(days), _) => AnyValue::Date(*days),
        (Value::List(items), ValueType::List(of)) => {
            let items: Vec<AnyValue<'_>> =
                items.iter().map(|item| any_value(item, of)).collect::<PolarsResult<_>>()?;
            AnyValue::List(series("", &items, of)?)
        }
        (other, ty) => {
            return Err(PolarsError::SchemaMismatch(format!("{other:?} is not a {}", ty.sql()).into()));
        }
    })
}

fn exact(number: Decimal, precision: u8, scale: u8) -> PolarsResult<AnyValue<'static>> {
    let mut scaled = number;
    scaled.rescale(u32::from(scale));
    if scaled != number {
        let text = format!("{number} does not fit DECIMAL({precision},{scale})");
        return Err(PolarsError::ComputeError(text.into()));
    }
    Ok(AnyValue::Decimal(scaled.mantissa(), usize::from(precision), usize::from(scale)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(ty: ValueType, value: Value) -> PolarsResult<DataFrame> {
        frame(&Page { fields: vec![Field::new("x", ty)], rows: vec![vec![value], vec![Value::Null]] })
    }

    #[test]
    fn keeps_values_and_nulls_of_every_type() {
        let check = |ty: ValueType, value: Value| {
            let frame = one(ty.clone(), value.clone()).unwrap_or_else(|e| panic!("{ty:?}: {e}"));
            assert_eq!(frame.height(), 2);
            assert_eq!(frame.columns()[0].dtype(), &data_type(&ty));
            assert_eq!(frame.columns()[0].null_count(), 1, "{value:?}");
        };
        check(ValueType::Bool, Value::Bool(true));
        check(ValueType::Int, Value::Int(-3));
        check(ValueType::Float, Value::Float(0.5));
        check(ValueType::Decimal(18, 10), Value::Decimal("55.04".parse().unwrap()));
        check(ValueType::Text, "x".into());
        check(ValueType::Timestamp, Value::Timestamp("2025-03-02T00:00:00Z".parse().unwrap()));
        check(ValueType::Date, Value::Date(20000));
        check(ValueType::List(Box::new(ValueType::Text)), vec!["a", "b"].into());
        check(ValueType::List(Box::new(ValueType::Int)), Value::List(vec![]));
    }

    #[test]
    fn fills_missing_columns_of_an_older_layout_with_nulls() {
        let log = catalog::dataset("collection_run").unwrap();
        let old = frame(&Page {
            fields: vec![Field::new("scope", ValueType::Text), Field::new("run_id", ValueType::Text)],
            rows: vec![vec!["us-east-1".into(), "a".into()]],
        });
        let found = aligned(&old.unwrap(), log).unwrap();
        assert_eq!(found.schema().as_ref(), &schema(&log.fields()));
        assert_eq!(found.column("scope").unwrap().get(0).unwrap().to_string(), "\"us-east-1\"");
        assert!(found.column("version").unwrap().get(0).unwrap().is_null());
    }

    #[test]
    fn refuses_money_that_does_not_fit() {
        let eleven_places = Value::Decimal("0.12345678901".parse().unwrap());
        assert!(one(ValueType::Decimal(18, 10), eleven_places).is_err());
        assert!(one(ValueType::Decimal(18, 10), Value::Decimal("123456789.1".parse().unwrap())).is_err());
        assert!(one(ValueType::Decimal(18, 10), Value::Decimal("0.12345678900".parse().unwrap())).is_ok());
    }
}
