use catalog::Page;

/// What a command answers: one set of rows behind every format.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The rows for json, ndjson, yaml, parquet, arrow, and for csv and table where nothing else is said.
    pub page: Page,
    /// The rows for csv where the contract differs (fewer columns, other units).
    pub csv: Option<Page>,
    /// What a person sees, where it differs from the bare values.
    pub table: Option<TableView>,
}

impl Report {
    /// A report that looks the same in every format.
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
    /// Rows to be shown emphasised (such as rows that differ), by index.
    pub marked: Vec<usize>,
}

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}
