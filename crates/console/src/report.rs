use catalog::Page;

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
}

impl Report {
    /// Returns a report with the same content in every format.
    pub fn plain(page: Page) -> Report {
        Report { page, csv: None, table: None }
    }
}

/// A table for people: text cells under headings.
#[derive(Debug, Clone, Default)]
pub struct TableView {
    /// Headings with the alignment of their column.
    pub columns: Vec<(String, Align)>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// Indexes of the emphasized rows, such as rows that differ.
    pub marked: Vec<usize>,
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
