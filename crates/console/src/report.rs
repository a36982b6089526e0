use catalog::Page;

use crate::column_header;

/// The answer of a command: one set of rows behind every format.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The rows for json, ndjson, yaml, parquet and arrow, and for csv and table if these are not
    /// set.
    pub page: Page,
    /// The rows for csv, if its contract differs (fewer columns, other units).
    pub csv: Option<Page>,
    /// The table for people, if it differs from the plain values.
    pub table: Option<TableView>,
    /// The columns of `page` that a table shows by default, at most eight. Without any, these are
    /// the columns of `table`, or the first eight of `page`.
    pub default_columns: &'static [&'static str],
}

impl Report {
    /// Returns a report with the same content in every format.
    pub fn plain(page: Page) -> Report {
        Report { page, ..Report::default() }
    }

    /// Sets the columns that a table shows by default.
    pub fn default_columns(self, default_columns: &'static [&'static str]) -> Report {
        Report { default_columns, ..self }
    }
}

/// A table for people: text cells under headers.
#[derive(Debug, Clone, Default)]
pub struct TableView {
    /// The columns.
    pub columns: Vec<TableColumn>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// Indexes of the emphasized rows, such as rows that differ.
    pub marked: Vec<usize>,
}

/// A column of a table for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// The column's name in the other formats; empty if they have no such column.
    pub name: String,
    /// The header, with the unit.
    pub header: String,
    /// The alignment of the cells.
    pub align: Align,
}

impl TableColumn {
    /// Returns the column with this name and the header that belongs to the name.
    pub fn named(name: &str, align: Align) -> TableColumn {
        TableColumn { name: name.into(), header: column_header(name), align }
    }

    /// Returns a column that only tables have.
    pub fn only_in_tables(header: impl Into<String>, align: Align) -> TableColumn {
        TableColumn { name: String::new(), header: header.into(), align }
    }

    /// Replaces the header.
    pub fn header(self, header: impl Into<String>) -> TableColumn {
        TableColumn { header: header.into(), ..self }
    }
}

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}
