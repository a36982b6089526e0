//! The statements that make a warehouse over the files of some manifests.

use catalog::{DATASETS, Dataset, Field, Kind, Scope, VIEWS};
use duckdb::Connection;

use crate::open::Source;

const SNAPSHOT: &str = include_str!("../../../queries/build/snapshot.sql");
const CURRENT: &str = include_str!("../../../queries/build/current.sql");
const LOG: &str = include_str!("../../../queries/build/log.sql");
const CHANGES: &str = include_str!("../../../queries/build/changes.sql");
const ROWS: &str = include_str!("../../../queries/build/rows.sql");
const EMPTY: &str = include_str!("../../../queries/build/empty.sql");
const TABLE_OF_ROWS: &str = include_str!("../../../queries/build/table-of-rows.sql");

/// All statements, in the order in which they run. The files' names are literals in them: a view must
/// not see a file that its manifest does not list.
pub(crate) fn statements(sources: &[Source]) -> Vec<String> {
    // Snapshots are dated by the log of runs, so that comes first.
    let (logs, others): (Vec<&Dataset>, Vec<&Dataset>) = DATASETS.iter().partition(|d| d.kind == Kind::Log);
    let mut statements: Vec<String> =
        logs.into_iter().chain(others).flat_map(|dataset| make(dataset, sources)).collect();
    statements.extend(VIEWS.iter().map(|(_, sql)| sql.to_string()));
    statements
}

fn has_own_view(dataset: &Dataset) -> bool {
    VIEWS.iter().any(|(name, _)| *name == dataset.name)
}

fn make(dataset: &Dataset, sources: &[Source]) -> Vec<String> {
    let files = files(dataset, sources);
    let fields = dataset.fields();
    let names: Vec<&str> = fields
        .iter()
        .map(|f| f.name.as_str())
        .filter(|n| dataset.kind != Kind::Snapshot || *n != "run_id")
        .collect();
    let fill = |template: &str| {
        template
            .replace("{columns}", &names.join(", "))
            .replace("{dataset}", dataset.name)
            .replace("{key}", &dataset.key.join(", "))
            .replace("{typed}", &typed(&fields))
            // Last, so that nothing is replaced in a file's name.
            .replace("{files}", &files.join(", "))
    };
    let rows = if files.is_empty() { fill(EMPTY) } else { fill(ROWS) };
    let of_rows = |kind: &str| fill(TABLE_OF_ROWS).replace("{kind}", kind).replace("{rows}", &rows);
    match dataset.kind {
        Kind::Log if files.is_empty() => vec![of_rows("TABLE")],
        Kind::Log => vec![fill(LOG)],
        Kind::Changes if files.is_empty() => vec![of_rows("VIEW")],
        Kind::Changes => vec![fill(CHANGES)],
        Kind::Snapshot => {
            let observed = fields.iter().any(|f| f.name == "observed_at");
            let history = fill(SNAPSHOT)
                .replace("{observed}", if observed { "found.observed_at" } else { "run.run_at" })
                .replace(
                    "{scope}",
                    match dataset.scope {
                        Scope::All => "'*'",
                        Scope::Region => "found.region",
                    },
                )
                .replace("{rows}", &rows);
            let current = (!has_own_view(dataset)).then(|| fill(CURRENT));
            [Some(history), current].into_iter().flatten().collect()
        }
    }
}

fn files(dataset: &Dataset, sources: &[Source]) -> Vec<String> {
    let of = |source: &Source| -> Vec<String> {
        let listed = source.manifest.files.iter().filter(|file| file.dataset == dataset.name);
        listed.map(|file| literal(&source.path(file))).collect()
    };
    sources.iter().flat_map(of).collect()
}

/// A text as a SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn typed(fields: &[Field]) -> String {
    let one = |field: &Field| format!("CAST(NULL AS {}) AS {}", field.ty.sql(), field.name);
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Makes the tables and views.
pub(crate) fn make_all(connection: &Connection, sources: &[Source]) -> duckdb::Result<()> {
    for statement in statements(sources) {
        connection.execute_batch(&statement)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
