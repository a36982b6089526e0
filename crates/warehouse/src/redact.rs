//! A connection with stand-ins for every text that can identify a person, a machine or an account.
//!
//! Temporary views of this connection hide the tables of the same names. Whatever a statement does
//! with a column, it sees only the stand-in.

use catalog::{DATASETS, Dataset, DatasetKind, PrivateKind};
use duckdb::Connection;

use crate::build::{self, CURRENT, STATED};
use crate::open::WarehouseStorage;
use crate::source::WarehouseSource;

const MACROS: &str = include_str!("../../../queries/build/redact.sql");
const VIEW: &str = include_str!("../../../queries/build/redacted.sql");

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
    let base = format!("\"{}\".main.", catalog_name(home).replace('"', "\"\""));
    connection.execute_batch(&MACROS.replace("{key}", &key.replace('\'', "''")))?;
    let runs = "redacted_of(scope, run_id) AS run_id, redacted_of(scope, source) AS source, \
                redacted_gaps(scope, gaps) AS gaps, redacted_scope(scope) AS scope";
    connection.execute_batch(&view("collection_run", runs, &format!("{base}collection_run")))?;
    for dataset in DATASETS {
        let private = catalog::private_columns(dataset);
        if !private.is_empty() {
            let rows = build::rows_of(connection, dataset, sources)?;
            views(dataset, &private, &base, &rows)
                .iter()
                .try_for_each(|sql| connection.execute_batch(sql))?;
        }
    }
    Ok(())
}

/// Returns the views of one dataset: its history, and the current rows on top of it.
fn views(dataset: &Dataset, private: &[(&'static str, PrivateKind)], base: &str, rows: &str) -> Vec<String> {
    let name = dataset.name;
    let one = |(column, what): &(&str, PrivateKind)| match what {
        PrivateKind::Text => format!("redacted({column}) AS {column}"),
        PrivateKind::Texts => format!("redacted_list({column}) AS {column}"),
        PrivateKind::Object => format!("redacted_object({column}) AS {column}"),
        PrivateKind::Scope => format!("redacted_scope({column}) AS {column}"),
    };
    let stand_ins: Vec<String> = private.iter().map(one).collect();
    let stand_ins = stand_ins.join(", ");
    let told = if dataset.kind == DatasetKind::Statement {
        let statement = format!("{base}{name}_statement");
        let view = build::fill(STATED, dataset).replace(&format!("{name}_statement"), &statement);
        let (_, body) = view.split_once(" AS\n").expect("the template creates a view from a query");
        format!("({})", body.replace("{rows}", rows))
    } else {
        format!("{base}{name}_history")
    };
    let history =
        view(&format!("{name}_history"), &format!("{stand_ins}, redacted(run_id) AS run_id"), &told);
    let current = build::fill(CURRENT, dataset).replacen("VIEW", "TEMP VIEW", 1);
    let mut made = vec![history, current];
    if dataset.kind == DatasetKind::Statement {
        let table = format!("{name}_statement");
        let stated = "redacted(run_id) AS run_id, redacted_scope(scope) AS scope";
        made.push(view(&table, stated, &format!("{base}{table}")));
    }
    made
}

fn view(table: &str, stand_ins: &str, told: &str) -> String {
    VIEW.replace("{table}", table).replace("{stand_ins}", stand_ins).replace("{told}", told)
}
