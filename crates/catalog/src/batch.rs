use std::collections::HashMap;

use domain::Decimal;

use crate::{Dataset, Field, Value, ValueType};

/// A column of texts that stores each distinct text once, as suits most columns of a price list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TextColumn {
    distinct: Vec<String>,
    numbers: HashMap<String, u32>,
    rows: Vec<u32>,
}

/// The number in [`TextColumn::rows`] that means null.
pub const NULL_TEXT: u32 = u32::MAX;

impl TextColumn {
    /// Appends a text, or null.
    pub fn push(&mut self, text: Option<&str>) {
        let number = text.map_or(NULL_TEXT, |text| self.number(text));
        self.rows.push(number);
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.distinct.len() as u32;
        self.distinct.push(text.to_string());
        self.numbers.insert(text.to_string(), number);
        number
    }

    /// Returns the text of a row; `None` means null. Panics if there is no such row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.distinct.get(self.rows[row] as usize).map(String::as_str)
    }

    /// Returns every distinct text, in the order of first use.
    pub fn distinct(&self) -> &[String] {
        &self.distinct
    }

    /// Returns, for each row, the index of its text in [`TextColumn::distinct`]; [`NULL_TEXT`]
    /// means null.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// The values of one column, one per row.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// True or false.
    Bool(Vec<Option<bool>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Doubles.
    Float(Vec<Option<f64>>),
    /// Exact numbers, each as an integer multiple of 10^-scale. The field's type gives the scale.
    Decimal(Vec<Option<i128>>),
    /// Texts.
    Text(TextColumn),
    /// Microseconds since 1970, UTC.
    Timestamp(Vec<Option<i64>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Lists and nested values.
    Other(Vec<Value>),
}

impl ColumnValues {
    fn empty(ty: &ValueType) -> ColumnValues {
        match ty {
            ValueType::Bool => ColumnValues::Bool(Vec::new()),
            ValueType::Int => ColumnValues::Int(Vec::new()),
            ValueType::Float => ColumnValues::Float(Vec::new()),
            ValueType::Text => ColumnValues::Text(TextColumn::default()),
            ValueType::Timestamp => ColumnValues::Timestamp(Vec::new()),
            ValueType::Date => ColumnValues::Date(Vec::new()),
            ValueType::Decimal(..) => ColumnValues::Decimal(Vec::new()),
            ValueType::List(_) | ValueType::Json => ColumnValues::Other(Vec::new()),
        }
    }

    /// Appends a value. The error is the value itself, if it does not fit the column's type.
    fn push(&mut self, value: Value, ty: &ValueType) -> Result<(), Value> {
        match (self, value) {
            (ColumnValues::Bool(values), Value::Bool(value)) => values.push(Some(value)),
            (ColumnValues::Bool(values), Value::Null) => values.push(None),
            (ColumnValues::Int(values), Value::Int(value)) => values.push(Some(value)),
            (ColumnValues::Int(values), Value::Null) => values.push(None),
            (ColumnValues::Float(values), Value::Float(value)) => values.push(Some(value)),
            (ColumnValues::Float(values), Value::Null) => values.push(None),
            (ColumnValues::Text(words), Value::Text(value)) => words.push(Some(&value)),
            (ColumnValues::Text(words), Value::Null) => words.push(None),
            (ColumnValues::Timestamp(values), Value::Timestamp(value)) => {
                values.push(Some(value.as_microsecond()))
            }
            (ColumnValues::Timestamp(values), Value::Null) => values.push(None),
            (ColumnValues::Date(values), Value::Date(value)) => values.push(Some(value)),
            (ColumnValues::Date(values), Value::Null) => values.push(None),
            (ColumnValues::Decimal(values), Value::Decimal(value)) => values.push(Some(scaled(value, ty)?)),
            (ColumnValues::Decimal(values), Value::Null) => values.push(None),
            (ColumnValues::Other(values), value @ (Value::List(_) | Value::Struct(_) | Value::Null)) => {
                values.push(value)
            }
            (_, value) => return Err(value),
        }
        Ok(())
    }

    /// Returns the rows with a true flag in `wanted`.
    fn only(&self, wanted: &[bool]) -> ColumnValues {
        fn some<T: Clone>(values: &[T], wanted: &[bool]) -> Vec<T> {
            values.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(value, _)| value.clone()).collect()
        }
        match self {
            ColumnValues::Bool(values) => ColumnValues::Bool(some(values, wanted)),
            ColumnValues::Int(values) => ColumnValues::Int(some(values, wanted)),
            ColumnValues::Float(values) => ColumnValues::Float(some(values, wanted)),
            ColumnValues::Decimal(values) => ColumnValues::Decimal(some(values, wanted)),
            ColumnValues::Text(words) => {
                let mut kept = TextColumn::default();
                (0..words.rows.len()).filter(|row| wanted[*row]).for_each(|row| kept.push(words.get(row)));
                ColumnValues::Text(kept)
            }
            ColumnValues::Timestamp(values) => ColumnValues::Timestamp(some(values, wanted)),
            ColumnValues::Date(values) => ColumnValues::Date(some(values, wanted)),
            ColumnValues::Other(values) => ColumnValues::Other(some(values, wanted)),
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Bool(values) => values.len(),
            ColumnValues::Int(values) | ColumnValues::Timestamp(values) => values.len(),
            ColumnValues::Float(values) => values.len(),
            ColumnValues::Decimal(values) => values.len(),
            ColumnValues::Text(words) => words.rows.len(),
            ColumnValues::Date(values) => values.len(),
            ColumnValues::Other(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Converts a number to an integer multiple of 10^-scale. The error is the number itself, if it has
/// more digits than its type.
fn scaled(value: Decimal, ty: &ValueType) -> Result<i128, Value> {
    let ValueType::Decimal(precision, scale) = ty else { return Err(value.into()) };
    let mut scaled = value;
    scaled.rescale(u32::from(*scale));
    let fits = scaled == value && scaled.mantissa().unsigned_abs() < 10_u128.pow(u32::from(*precision));
    if fits { Ok(scaled.mantissa()) } else { Err(value.into()) }
}

/// Rows stored column by column: the form of a [`crate::Page`] for millions of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowBatch {
    /// The columns.
    pub fields: Vec<Field>,
    /// The values: one [`ColumnValues`] per field, of the field's type, all of the same length.
    pub cells: Vec<ColumnValues>,
}

impl RowBatch {
    /// Appends the text form of a cell to `out`, for a digest. Equal values have equal texts,
    /// independent of the other rows of the batch.
    pub fn write_digest_text(&self, row: usize, column: usize, out: &mut String) {
        use std::fmt::Write;
        let written = match &self.cells[column] {
            ColumnValues::Bool(values) => write!(out, "{:?}", values[row]),
            ColumnValues::Int(values) | ColumnValues::Timestamp(values) => write!(out, "{:?}", values[row]),
            ColumnValues::Float(values) => write!(out, "{:?}", values[row]),
            ColumnValues::Decimal(values) => write!(out, "{:?}", values[row]),
            ColumnValues::Text(words) => write!(out, "{:?}", words.get(row)),
            ColumnValues::Date(values) => write!(out, "{:?}", values[row]),
            ColumnValues::Other(values) => write!(out, "{:?}", values[row]),
        };
        written.expect("writing to a String never fails");
    }

    /// Returns a batch without rows, with the columns of a dataset except `run_id`.
    pub fn empty(dataset: &Dataset) -> RowBatch {
        let fields: Vec<Field> =
            dataset.fields().into_iter().filter(|field| field.name != "run_id").collect();
        let cells = fields.iter().map(|field| ColumnValues::empty(&field.ty)).collect();
        RowBatch { fields, cells }
    }

    /// Builds a batch from rows of a dataset. Each row has one value per column, in column order,
    /// without `run_id`.
    ///
    /// Errors: a row of another length, or a value that does not fit its column's type. The text is
    /// a lowercase fragment.
    pub fn of(dataset: &Dataset, rows: Vec<Vec<Value>>) -> Result<RowBatch, String> {
        let RowBatch { fields, mut cells } = RowBatch::empty(dataset);
        for row in rows {
            if row.len() != fields.len() {
                return Err(format!(
                    "{} values for the {} columns of {}",
                    row.len(),
                    fields.len(),
                    dataset.name
                ));
            }
            for ((cells, field), value) in cells.iter_mut().zip(&fields).zip(row) {
                cells.push(value, &field.ty).map_err(|value| {
                    format!("{}.{} is a {}, and not {value:?}", dataset.name, field.name, field.ty.sql())
                })?;
            }
        }
        Ok(RowBatch { fields, cells })
    }

    /// Returns the rows with a true flag in `wanted`, in their order. `wanted` has one flag per
    /// row.
    pub fn only(&self, wanted: &[bool]) -> RowBatch {
        let cells = self.cells.iter().map(|cells| cells.only(wanted)).collect();
        RowBatch { fields: self.fields.clone(), cells }
    }

    /// Returns the values of a column; `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<&ColumnValues> {
        let at = self.fields.iter().position(|field| field.name == name)?;
        self.cells.get(at)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.cells.first().map_or(0, ColumnValues::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset;

    #[test]
    fn converts_rows_to_columns_and_rejects_values_that_do_not_fit() {
        let price = dataset("spot_price").unwrap();
        let row = |price: Value| -> Vec<Value> {
            let at: domain::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            vec![
                at.into(),
                "m5.large".into(),
                "us-east-1".into(),
                "use1-az1".into(),
                "linux".into(),
                price,
                "USD".into(),
            ]
        };
        let cells = |figure: &str| -> Result<ColumnValues, String> {
            let figure: Decimal = figure.parse().unwrap();
            Ok(RowBatch::of(price, vec![row(figure.into())])?.cells[5].clone())
        };
        assert_eq!(cells("0.0345"), Ok(ColumnValues::Decimal(vec![Some(345_000_000)])));
        assert_eq!(RowBatch::of(price, vec![row(Value::Null), row(Value::Null)]).unwrap().len(), 2);
        let figures = |figures: &[&str]| {
            let prices = figures.iter().map(|figure| row(figure.parse::<Decimal>().unwrap().into()));
            RowBatch::of(price, prices.collect()).unwrap()
        };
        assert_eq!(figures(&["1", "2", "3"]).only(&[true, false, true]), figures(&["1", "3"]));
        for wrong in ["0.00000000001", "123456789"] {
            assert!(
                cells(wrong).unwrap_err().starts_with("spot_price.price_per_hour is a DECIMAL(18,10)"),
                "{wrong}"
            );
        }
        assert!(RowBatch::of(price, vec![row("0.1".into())]).is_err());
        assert!(RowBatch::of(price, vec![vec![]]).is_err());
    }
}
