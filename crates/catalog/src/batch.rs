use std::collections::HashMap;

use crate::{Field, Value};

/// Texts, each distinct one held once: what most columns of a price list are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Words {
    distinct: Vec<String>,
    numbers: HashMap<String, u32>,
    rows: Vec<u32>,
}

/// The number that stands for null in [`Words::rows`].
pub const NO_WORD: u32 = u32::MAX;

impl Words {
    /// Adds a text, or null.
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

    /// The text of a row.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.distinct.get(self.rows[row] as usize).map(String::as_str)
    }

    /// Every distinct text, in the order in which it first came.
    pub fn distinct(&self) -> &[String] {
        &self.distinct
    }

    /// The number of each row's text in [`Words::distinct`]; [`NO_WORD`] is null.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// True or false.
    Bool(Vec<Option<bool>>),
    /// Whole numbers.
    Int(Vec<Option<i64>>),
    /// Doubles.
    Float(Vec<Option<f64>>),
    /// Exact numbers, as whole multiples of ten to the minus scale of their field's type.
    Decimal(Vec<Option<i128>>),
    /// Texts.
    Text(Words),
    /// Microseconds since 1970, UTC.
    Timestamp(Vec<Option<i64>>),
    /// Days since 1970-01-01.
    Date(Vec<Option<i32>>),
    /// Lists, and whatever else has no column of its own.
    Other(Vec<Value>),
}

impl Cells {
    /// Rows.
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

/// Rows, column by column: what a [`crate::Page`] is where there are millions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// The columns.
    pub fields: Vec<Field>,
    /// Their values, one [`Cells`] a field, all of the same length and of the field's type.
    pub cells: Vec<Cells>,
}

impl Batch {
    /// Rows.
    pub fn len(&self) -> usize {
        self.cells.first().map_or(0, Cells::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
