//! A connection with stand-ins for every text that can identify a person, a machine or an account.
//!
//! Temporary views of this connection hide the tables of the same names. Whatever a statement does
//! with a column, it sees only the stand-in.

use catalog::{DATASETS, Dataset, DatasetKind, PrivateKind};
use duckdb::Connection;

use crate::build;
use crate::open::WarehouseStorage;
use crate::source::WarehouseSource;

const MACROS: &str = include_str!("../../../queries/build/redact.sql");
const RUNS: &str = include_str!("../../../queries/build/redacted_runs.sql");
const COLUMN: &str = include_str!("../../../queries/build/redacted_column.sql");
const HISTORY: &str = include_str!("../../../queries/build/redacted_history.sql");
const STATED: &str = include_str!("../../../queries/build/redacted_stated.sql");
const STATEMENT: &str = include_str!("../../../queries/build/redacted_statement.sql");
const CURRENT: &str = include_str!("../../../queries/build/redacted_current.sql");

/// Returns the name under which DuckDB knows the warehouse. With it, a view reads the hidden table
/// and not itself.
pub(crate) fn catalog_name(home: &WarehouseStorage) -> String {
    match home {
        WarehouseStorage::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        WarehouseStorage::Memory => "memory".into(),
    }
}

/// Creates the views. Without `key`, the text behind a stand-in cannot be guessed.
pub(crate) fn redact(
    connection: &Connection,
    home: &WarehouseStorage,
    sources: &[WarehouseSource],
    key: &str,
) -> duckdb::Result<()> {
    let base = format!("{}.main", build::identifier(&catalog_name(home)));
    connection.execute_batch(&MACROS.replace("{key}", &build::literal(key)))?;
    connection.execute_batch(&RUNS.replace("{base}", &base))?;
    for dataset in DATASETS {
        let private = catalog::private_columns(dataset);
        if private.is_empty() {
            continue;
        }
        let stand_ins = stand_ins(&private);
        for template in views(dataset) {
            let view =
                build::fill(template, dataset).replace("{stand_ins}", &stand_ins).replace("{base}", &base);
            let view = match view.contains("{rows}") {
                true => {
                    let is_split = build::is_split(connection, dataset)?;
                    build::fill_rows(&view, &build::rows_of(connection, dataset, sources)?, is_split)
                }
                false => view,
            };
            connection.execute_batch(&view)?;
        }
    }
    Ok(())
}

/// Returns the views of one dataset: its history, the current rows on top of it, and its
/// statements.
fn views(dataset: &Dataset) -> &'static [&'static str] {
    match dataset.kind {
        DatasetKind::Statement => &[STATED, CURRENT, STATEMENT],
        _ => &[HISTORY, CURRENT],
    }
}

/// Returns the columns of a view that have stand-ins, separated by commas.
fn stand_ins(private: &[(&'static str, PrivateKind)]) -> String {
    let one = |(column, kind): &(&str, PrivateKind)| {
        let name = match kind {
            PrivateKind::Text => "redacted",
            PrivateKind::Texts => "redacted_list",
            PrivateKind::Object => "redacted_object",
            PrivateKind::Scope => "redacted_scope",
        };
        COLUMN.replace("{macro}", name).replace("{column}", column)
    };
    private.iter().map(one).collect::<Vec<_>>().join(",\n")
}

#[cfg(test)]
mod tests {
    use catalog::ports::Ask;

    #[test]
    fn every_table_can_be_read_with_stand_ins() {
        let warehouse = crate::Warehouse::open(Vec::new(), None, &[], Some("it's a key")).unwrap();
        for table in warehouse.tables().unwrap() {
            assert!(warehouse.table(&table.name).is_ok(), "{}", table.name);
        }
        for name in ["collection_run", "instance", "instance_history", "charge", "charge_statement"] {
            assert_eq!(warehouse.table(name).unwrap().rows.len(), 0, "{name}");
        }
    }
}
