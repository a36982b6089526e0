use std::collections::HashMap;

use domain::Decimal;

use crate::{Dataset, Field, Type, Value};

/// A column of texts that stores each distinct text once, as suits most columns of a price list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    distinct: Vec<String>,
    numbers: HashMap<String, u32>,
    rows: Vec<u32>,
}

/// The number in [`Words::rows`] that means null.
pub const NO_WORD: u32 = u32::MAX;

impl Words {
    /// Appends a text, or null.
    pub fn push(&mut self, text: Option<&str>) {
        let number = text.map_or(NO_WORD, |text| self.number(text));
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

    /// Returns, for each row, the index of its text in [`Words::distinct`]; [`NO_WORD`] means null.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// The values of one column, one per row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// True or false.
    Bool(Vec<Option<bool>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Doubles.
    Float(Vec<Option<f64>>),
    /// Exact numbers, each as an integer multiple of 10^-scale. The field's type gives the scale.
    Decimal(Vec<Option<i128>>),
    /// Texts.
    Text(Words),
    /// Microseconds since 1970, UTC.
    Timestamp(Vec<Option<i64>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Lists and nested values.
    Other(Vec<Value>),
}

impl Cells {
    fn empty(ty: &Type) -> Cells {
        match ty {
            Type::Bool => Cells::Bool(Vec::new()),
            Type::Int => Cells::Int(Vec::new()),
            Type::Float => Cells::Float(Vec::new()),
            Type::Text => Cells::Text(Words::default()),
            Type::Timestamp => Cells::Timestamp(Vec::new()),
            Type::Date => Cells::Date(Vec::new()),
            Type::Decimal(..) => Cells::Decimal(Vec::new()),
            Type::List(_) | Type::Json => Cells::Other(Vec::new()),
        }
    }

    /// Appends a value. The error is the value itself, if it does not fit the column's type.
    fn push(&mut self, value: Value, ty: &Type) -> Result<(), Value> {
        match (self, value) {
            (Cells::Bool(values), Value::Bool(value)) => values.push(Some(value)),
            (Cells::Bool(values), Value::Null) => values.push(None),
            (Cells::Int(values), Value::Int(value)) => values.push(Some(value)),
            (Cells::Int(values), Value::Null) => values.push(None),
            (Cells::Float(values), Value::Float(value)) => values.push(Some(value)),
            (Cells::Float(values), Value::Null) => values.push(None),
            (Cells::Text(words), Value::Text(value)) => words.push(Some(&value)),
            (Cells::Text(words), Value::Null) => words.push(None),
            (Cells::Timestamp(values), Value::Timestamp(value)) => values.push(Some(value.as_microsecond())),
            (Cells::Timestamp(values), Value::Null) => values.push(None),
            (Cells::Date(values), Value::Date(value)) => values.push(Some(value)),
            (Cells::Date(values), Value::Null) => values.push(None),
            (Cells::Decimal(values), Value::Decimal(value)) => values.push(Some(scaled(value, ty)?)),
            (Cells::Decimal(values), Value::Null) => values.push(None),
            (Cells::Other(values), value @ (Value::List(_) | Value::Struct(_) | Value::Null)) => {
                values.push(value)
            }
            (_, value) => return Err(value),
        }
        Ok(())
    }

    /// Returns the rows with a true flag in `wanted`.
    fn only(&self, wanted: &[bool]) -> Cells {
        fn some<T: Clone>(values: &[T], wanted: &[bool]) -> Vec<T> {
            values.iter().zip(wanted).filter(|(_, wanted)| **wanted).map(|(value, _)| value.clone()).collect()
        }
        match self {
            Cells::Bool(values) => Cells::Bool(some(values, wanted)),
            Cells::Int(values) => Cells::Int(some(values, wanted)),
            Cells::Float(values) => Cells::Float(some(values, wanted)),
            Cells::Decimal(values) => Cells::Decimal(some(values, wanted)),
            Cells::Text(words) => {
                let mut kept = Words::default();
                (0..words.rows.len()).filter(|row| wanted[*row]).for_each(|row| kept.push(words.get(row)));
                Cells::Text(kept)
            }
            Cells::Timestamp(values) => Cells::Timestamp(some(values, wanted)),
            Cells::Date(values) => Cells::Date(some(values, wanted)),
            Cells::Other(values) => Cells::Other(some(values, wanted)),
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Cells::Bool(values) => values.len(),
            Cells::Int(values) | Cells::Timestamp(values) => values.len(),
            Cells::Float(values) => values.len(),
            Cells::Decimal(values) => values.len(),
            Cells::Text(words) => words.rows.len(),
            Cells::Date(values) => values.len(),
            Cells::Other(values) => values.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Converts a number to an integer multiple of 10^-scale. The error is the number itself, if it has
/// more digits than its type.
fn scaled(value: Decimal, ty: &Type) -> Result<i128, Value> {
    let Type::Decimal(precision, scale) = ty else { return Err(value.into()) };
    let mut scaled = value;
    scaled.rescale(u32::from(*scale));
    let fits = scaled == value && scaled.mantissa().unsigned_abs() < 10_u128.pow(u32::from(*precision));
    if fits { Ok(scaled.mantissa()) } else { Err(value.into()) }
}

/// Rows stored column by column: the form of a [`crate::Page`] for millions of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// The columns.
    pub fields: Vec<Field>,
    /// The values: one [`Cells`] per field, of the field's type, all of the same length.
    pub cells: Vec<Cells>,
}

impl Batch {
    /// Appends the text form of a cell to `out`, for a digest. Equal values have equal texts,
    /// independent of the other rows of the batch.
    pub fn spell(&self, row: usize, column: usize, out: &mut String) {
        use std::fmt::Write;
        let written = match &self.cells[column] {
            Cells::Bool(values) => write!(out, "{:?}", values[row]),
            Cells::Int(values) | Cells::Timestamp(values) => write!(out, "{:?}", values[row]),
            Cells::Float(values) => write!(out, "{:?}", values[row]),
            Cells::Decimal(values) => write!(out, "{:?}", values[row]),
            Cells::Text(words) => write!(out, "{:?}", words.get(row)),
            Cells::Date(values) => write!(out, "{:?}", values[row]),
            Cells::Other(values) => write!(out, "{:?}", values[row]),
        };
        written.expect("writing to a String never fails");
    }

    /// Returns a batch without rows, with the columns of a dataset except `run_id`.
    pub fn empty(dataset: &Dataset) -> Batch {
        let fields: Vec<Field> =
            dataset.fields().into_iter().filter(|field| field.name != "run_id").collect();
        let cells = fields.iter().map(|field| Cells::empty(&field.ty)).collect();
        Batch { fields, cells }
    }

    /// Builds a batch from rows of a dataset. Each row has one value per column, in column order,
    /// without `run_id`.
    ///
    /// Errors: a row of another length, or a value that does not fit its column's type. The text is
    /// a lowercase fragment.
    pub fn of(dataset: &Dataset, rows: Vec<Vec<Value>>) -> Result<Batch, String> {
        let Batch { fields, mut cells } = Batch::empty(dataset);
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
        Ok(Batch { fields, cells })
    }

    /// Returns the rows with a true flag in `wanted`, in their order. `wanted` has one flag per
    /// row.
    pub fn only(&self, wanted: &[bool]) -> Batch {
        let cells = self.cells.iter().map(|cells| cells.only(wanted)).collect();
        Batch { fields: self.fields.clone(), cells }
    }

    /// Returns the values of a column; `None` if there is no such column.
    pub fn column(&self, name: &str) -> Option<&Cells> {
        let at = self.fields.iter().position(|field| field.name == name)?;
        self.cells.get(at)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.cells.first().map_or(0, Cells::len)
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
        let cells = |figure: &str| -> Result<Cells, String> {
            let figure: Decimal = figure.parse().unwrap();
            Ok(Batch::of(price, vec![row(figure.into())])?.cells[5].clone())
        };
        assert_eq!(cells("0.0345"), Ok(Cells::Decimal(vec![Some(345_000_000)])));
        assert_eq!(Batch::of(price, vec![row(Value::Null), row(Value::Null)]).unwrap().len(), 2);
        let figures = |figures: &[&str]| {
            let prices = figures.iter().map(|figure| row(figure.parse::<Decimal>().unwrap().into()));
            Batch::of(price, prices.collect()).unwrap()
        };
        assert_eq!(figures(&["1", "2", "3"]).only(&[true, false, true]), figures(&["1", "3"]));
        for wrong in ["0.00000000001", "123456789"] {
            assert!(
                cells(wrong).unwrap_err().starts_with("spot_price.price_per_hour is a DECIMAL(18,10)"),
                "{wrong}"
            );
        }
        assert!(Batch::of(price, vec![row("0.1".into())]).is_err());
        assert!(Batch::of(price, vec![vec![]]).is_err());
    }
}
