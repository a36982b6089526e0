//! The tables that an answer reads, and the datasets behind them.

use catalog::{DATASETS, Question};
use console::Failure;

use crate::CommandPorts;
use crate::ports::failure;

/// Returns the tables that a named question reads.
pub(crate) fn tables_of(question: &Question, ports: &CommandPorts<'_>) -> Result<Vec<String>, Failure> {
    ports.ask.tables_of(question).map_err(|error| failure(error, &ports.settings.lake.value))
}

/// Returns the datasets behind these tables, in the order of the catalog. `collection_run` is left
/// out: it records the age of the others.
pub(crate) fn datasets_of(tables: &[String]) -> Vec<&'static str> {
    let dataset = |table: &String| -> String {
        let endings = ["_history", "_corrected", "_held", "_statement"];
        let bare = endings.iter().find_map(|ending| table.strip_suffix(ending));
        bare.unwrap_or(table).to_string()
    };
    let read: Vec<String> = tables.iter().map(dataset).collect();
    let names = DATASETS.iter().map(|dataset| dataset.name);
    names.filter(|name| *name != "collection_run" && read.iter().any(|table| table == name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_datasets_behind_tables() {
        let check = |tables: &[&str], expected: &[&str]| {
            let tables: Vec<String> = tables.iter().map(|table| table.to_string()).collect();
            assert_eq!(datasets_of(&tables), expected, "{tables:?}");
        };
        check(&[], &[]);
        check(&["price"], &["price"]);
        check(&["instance_type", "price_history"], &["instance_type", "price"]);
        check(&["offering", "price", "price_held"], &["offering", "price"]);
        check(&["instance_type_corrected"], &["instance_type"]);
        check(&["charge_statement"], &["charge"]);
        check(&["collection_run", "nowhere"], &[]);
    }
}
