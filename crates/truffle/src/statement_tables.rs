//! Finds the datasets that a statement reads, so that an answer can print their age.

use std::sync::LazyLock;

use catalog::DATASETS;
use regex::Regex;

/// Matches the list after FROM or JOIN: names with their aliases, separated by commas.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    let name = r#"[\w."]+(?:\s+(?:as\s+)?\w+)?"#;
    Regex::new(&format!(r"(?i)\b(?:from|join)\s+({name}(?:\s*,\s*{name})*)")).expect("the pattern is valid")
});

/// Returns the datasets with a table after FROM or JOIN, in the order of the catalog.
/// `collection_run` is left out: it records the age of the others.
pub(crate) fn datasets_read_by(sql: &str) -> Vec<&'static str> {
    let uncommented: Vec<&str> =
        sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let uncommented = uncommented.join("\n");
    let lists = NAMES.captures_iter(&uncommented).map(|found| found.get(1).expect("the list").as_str());
    let tables: Vec<String> = lists.flat_map(|list| list.split(',')).filter_map(table).collect();
    let names = DATASETS.iter().map(|dataset| dataset.name);
    names.filter(|name| *name != "collection_run" && tables.iter().any(|table| table == name)).collect()
}

/// Returns the base table of a reference: `main."price_history" AS p` is a table of `price`.
fn table(text: &str) -> Option<String> {
    let name = text.split_whitespace().next()?.replace('"', "").to_lowercase();
    let name = name.strip_prefix("main.").unwrap_or(&name);
    let bare = ["_history", "_corrected", "_held"].iter().find_map(|ending| name.strip_suffix(ending));
    Some(bare.unwrap_or(name).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tables_after_from_and_join() {
        let check = |sql: &str, expected: &[&str]| assert_eq!(datasets_read_by(sql), expected, "{sql}");
        check("SELECT 1", &[]);
        check("FROM price", &["price"]);
        check(
            "select * from main.\"price_history\" p JOIN instance_type USING (instance_type)",
            &["instance_type", "price"],
        );
        check("SELECT * FROM price AS p, offering o WHERE p.region = o.region", &["offering", "price"]);
        check("SELECT region FROM instance_type_corrected ORDER BY region, price", &["instance_type"]);
        check("SELECT 1 -- from price\n", &[]);
        check("SELECT * FROM (SELECT * FROM zone) AS region", &["zone"]);
        check("FROM collection_run", &[]);
        check("FROM range(5)", &[]);
    }
}
