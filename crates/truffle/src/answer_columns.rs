//! One row struct behind the page and the table of an answer.

use std::collections::BTreeSet;

use catalog::{Field, Page, Value, ValueType};
use console::{TableColumn, TableView};

/// A column of a page: its name, its type, and its value in a row.
pub(crate) type ValueColumn<R> = (&'static str, fn() -> ValueType, fn(&R) -> Value);

/// A column of a table for people, and its text in a row.
pub(crate) type CellColumn<R> = (TableColumn, fn(&R) -> String);

/// The type of text columns.
pub(crate) const TEXT: fn() -> ValueType = || ValueType::Text;
/// The type of whole numbers.
pub(crate) const INT: fn() -> ValueType = || ValueType::Int;
/// The type of doubles.
pub(crate) const FLOAT: fn() -> ValueType = || ValueType::Float;
/// The type of instants.
pub(crate) const TIME: fn() -> ValueType = || ValueType::Timestamp;
/// The type of prices.
pub(crate) const MONEY: fn() -> ValueType = || ValueType::Decimal(18, 10);

/// Returns the page of the rows.
pub(crate) fn page_of<R>(rows: &[R], columns: &[ValueColumn<R>]) -> Page {
    Page {
        fields: columns.iter().map(|(name, ty, _)| Field::new(*name, ty())).collect(),
        rows: rows.iter().map(|row| columns.iter().map(|(_, _, value)| value(row)).collect()).collect(),
    }
}

/// Returns the table of the rows.
pub(crate) fn table_of<R>(rows: &[R], columns: Vec<CellColumn<R>>) -> TableView {
    TableView {
        rows: rows.iter().map(|row| columns.iter().map(|(_, text)| text(row)).collect()).collect(),
        columns: columns.into_iter().map(|(column, _)| column).collect(),
        marked: Vec::new(),
    }
}

/// Whether the rows have several values, so that a table needs a column for them.
pub(crate) fn has_several<R>(rows: &[R], value: fn(&R) -> &str) -> bool {
    rows.iter().map(value).collect::<BTreeSet<_>>().len() > 1
}
