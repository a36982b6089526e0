//! Which statements may run: one SELECT (or EXPLAIN of one), reading tables and harmless functions.

use catalog::ports::AskError;
use duckdb::Connection;
use serde_json::Value as Json;

use crate::ask::bad_sql;

const SERIALIZE: &str = include_str!("../../../../queries/build/serialize.sql");

/// Table functions that read nothing but their arguments and the catalog.
const TABLE_FUNCTIONS: &[&str] = &[
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "json_each",
    "json_tree",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "summary",
    "unnest",
];

/// Scalar functions that look outside the data: settings, the environment, other processes' files.
const HIDDEN_FUNCTIONS: &[&str] =
    &["current_setting", "getenv", "getvariable", "add_parquet_key", "write_log", "nextval", "currval"];

/// Kinds of query that a parse tree may hold.
const QUERY_NODES: &[&str] = &["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"];

/// Kinds of source that a parse tree may hold.
const SOURCES: &[&str] = &[
    "BASE_TABLE",
    "SUBQUERY",
    "JOIN",
    "TABLE_FUNCTION",
    "EXPRESSION_LIST",
    "EMPTY",
    "EMPTY_FROM",
    "PIVOT",
    "SHOW_REF",
    "COLUMN_DATA",
    "CTE",
];

/// Checks a statement by DuckDB's own parser. `parser` is a connection without any data.
///
/// Errors: [`AskError::BadSql`] when it cannot be parsed, [`AskError::Refused`] when it is not one
/// that may run.
pub(super) fn check(parser: &Connection, sql: &str) -> Result<(), AskError> {
    let tree = parse(parser, explained(sql))?;
    let statements = tree["statements"].as_array().map_or(0, Vec::len);
    match statements {
        0 => return Err(AskError::BadSql("there is no statement".into())),
        1 => {}
        many => return Err(refused(format!("{many} statements were given; one at a time can run"))),
    }
    walk(&tree)
}

fn refused(text: String) -> AskError {
    AskError::Refused(text)
}

/// What EXPLAIN explains is what is judged, because EXPLAIN ANALYZE runs it.
fn explained(sql: &str) -> &str {
    let after = |text: &str, word: &str| -> Option<usize> {
        let start = text.len() - text.trim_start().len();
        let head = text.get(start..start + word.len())?;
        let next = text[start + word.len()..].chars().next();
        (head.eq_ignore_ascii_case(word) && next.is_some_and(char::is_whitespace))
            .then_some(start + word.len())
    };
    match after(sql, "explain") {
        Some(at) => {
            let rest = &sql[at..];
            after(rest, "analyze").map_or(rest, |at| &rest[at..])
        }
        None => sql,
    }
}

fn parse(parser: &Connection, sql: &str) -> Result<Json, AskError> {
    let text: String = parser.query_row(SERIALIZE, [sql], |row| row.get(0)).map_err(bad_sql)?;
    let tree: Json = serde_json::from_str(&text).map_err(|e| AskError::Failed(e.to_string()))?;
    if tree["error"].as_bool() != Some(true) {
        return Ok(tree);
    }
    let message = tree["error_message"].as_str().unwrap_or("the statement cannot be parsed").to_string();
    match tree["error_type"].as_str() {
        // DuckDB serialises nothing but SELECT: everything that changes something ends here.
        Some("not implemented") => Err(refused(
            "only SELECT can run here (also WITH, VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW TABLES and EXPLAIN of one)".into(),
        )),
        _ => Err(AskError::BadSql(message)),
    }
}

fn walk(node: &Json) -> Result<(), AskError> {
    match node {
        Json::Array(items) => items.iter().try_for_each(walk),
        Json::Object(entries) => {
            judge(node)?;
            entries.values().try_for_each(walk)
        }
        _ => Ok(()),
    }
}

fn judge(node: &Json) -> Result<(), AskError> {
    let Some(kind) = node["type"].as_str() else { return Ok(()) };
    if kind.ends_with("_NODE") && !QUERY_NODES.contains(&kind) {
        return Err(refused(format!("a query may not hold a {kind}")));
    }
    // Sources are the nodes with a `sample`; expressions have none.
    if node.get("sample").is_some() && node.get("alias").is_some() && !SOURCES.contains(&kind) {
        return Err(refused(format!("a query may not read from a {kind}")));
    }
    if kind == "TABLE_FUNCTION" {
        let name = node["function"]["function_name"].as_str().unwrap_or("?").to_ascii_lowercase();
        if !TABLE_FUNCTIONS.contains(&name.as_str()) {
            return Err(refused(format!(
                "the table function {name} is not allowed here; tables are read by their names"
            )));
        }
    }
    if let Some(name) = node["function_name"].as_str() {
        let name = name.to_ascii_lowercase();
        if HIDDEN_FUNCTIONS.contains(&name.as_str()) {
            return Err(refused(format!("the function {name} is not allowed here")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_run() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str| {
            let verdict = super::check(&parser, sql);
            assert!(verdict.is_ok(), "{sql}: {verdict:?}");
        };
        check("SELECT 1");
        check("FROM range(3)");
        check("VALUES (1), (2)");
        check("WITH a AS (SELECT 1) SELECT * FROM a");
        check("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n < 3) SELECT * FROM t");
        check("SELECT * FROM instance_type, unnest([1,2]) ORDER BY 1 LIMIT 3");
        check("EXPLAIN SELECT 1");
        check("explain analyze\nSELECT 1");
        check("DESCRIBE SELECT 1");
        check("SUMMARIZE instance_type");
        check("SHOW TABLES");
        check("SELECT a, count(*) FILTER (WHERE b) OVER (PARTITION BY c) FROM t TABLESAMPLE 10%");
        check("SELECT 1; -- done");
    }

    #[test]
    fn what_may_not() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str| {
            let verdict = super::check(&parser, sql);
            assert!(matches!(verdict, Err(AskError::Refused(_) | AskError::BadSql(_))), "{sql}: {verdict:?}");
        };
        check("");
        check("SELECT 1; SELECT 2");
        check("COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN (ANALYZE) COPY (SELECT 1) TO '/tmp/x'");
        check("SELECT * FROM read_csv('/etc/passwd')");
        check("SELECT * FROM query('SELECT 1')");
        check("SELECT current_setting('home_directory')");
        check("SELECT getenv('HOME')");
        check("SELECT (SELECT content FROM read_text('/etc/passwd'))");
    }
}
