//! The tables that a statement reads, from DuckDB's parse tree.

use std::collections::BTreeSet;

use serde_json::Value as Json;

/// The sources of a statement, by lowercase name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct StatementSources {
    /// Tables and views of the warehouse, without common table expressions.
    pub(crate) tables: BTreeSet<String>,
    /// Table functions and table macros.
    pub(crate) functions: BTreeSet<String>,
}

impl StatementSources {
    /// Finds the sources in a parse tree.
    pub(crate) fn of(tree: &Json) -> StatementSources {
        let mut found = StatementSources::default();
        found.collect(tree, &[]);
        found
    }

    /// Adds the sources below a node. `expressions` are the names of the common table expressions
    /// that hide tables there.
    fn collect(&mut self, node: &Json, expressions: &[String]) {
        let entries = match node {
            Json::Array(items) => return items.iter().for_each(|item| self.collect(item, expressions)),
            Json::Object(entries) => entries,
            _ => return,
        };
        let text = |value: &Json| value.as_str().unwrap_or_default().to_ascii_lowercase();
        let (schema, name) = (text(&node["schema_name"]), text(&node["table_name"]));
        match node["type"].as_str() {
            Some("BASE_TABLE") if schema == "main" || (schema.is_empty() && !expressions.contains(&name)) => {
                self.tables.insert(name);
            }
            Some("TABLE_FUNCTION") => {
                self.functions.insert(text(&node["function"]["function_name"]));
            }
            _ => {}
        }
        let mut expressions = expressions.to_vec();
        // A recursive expression reads itself; any other one sees only those before it.
        expressions.extend(node["cte_name"].as_str().map(str::to_ascii_lowercase));
        for entry in node["cte_map"]["map"].as_array().into_iter().flatten() {
            self.collect(&entry["value"], &expressions);
            expressions.push(text(&entry["key"]));
        }
        entries
            .iter()
            .filter(|(key, _)| *key != "cte_map")
            .for_each(|(_, it)| self.collect(it, &expressions));
    }
}

#[cfg(test)]
mod tests {
    use catalog::ports::Ask;

    #[test]
    fn every_question_names_the_tables_that_it_reads() {
        let warehouse = crate::Warehouse::open(Vec::new(), None, &[], None).unwrap();
        let known: Vec<String> = warehouse.tables().unwrap().into_iter().map(|table| table.name).collect();
        for question in catalog::QUESTIONS {
            let tables = warehouse.tables_of(question).unwrap();
            assert!(!tables.is_empty(), "{}", question.name);
            for table in tables {
                assert!(known.contains(&table), "{} reads {table}", question.name);
            }
        }
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(warehouse.tables_of(catalog::question(name).unwrap()).unwrap(), expected, "{name}");
        };
        check("data/runs", &["collection_run"]);
        check("price/held", &["price_held"]);
    }

    #[test]
    fn a_table_is_read_by_its_name_alone() {
        let warehouse = crate::Warehouse::open(Vec::new(), None, &[], None).unwrap();
        assert_eq!(warehouse.table("region").unwrap().rows.len(), 0);
        for bad in ["nowhere", "region; SELECT 1", "main.region", "duckdb_settings()"] {
            assert!(warehouse.table(bad).is_err(), "{bad}");
        }
    }
}
