//! The statements that may run: one SELECT (or EXPLAIN of one) with tables and harmless functions.

use catalog::ports::AskError;
use duckdb::Connection;
use serde_json::Value as Json;

use crate::base_tables::StatementSources;
use crate::message::{TOO_DEEP, failure};

const SERIALIZE: &str = include_str!("../../../../queries/build/serialize.sql");

/// Table functions that read nothing but their arguments and the catalog.
const TABLE_FUNCTIONS: &[&str] = &[
    "duckdb_columns",
    "duckdb_functions",
    "duckdb_keywords",
    "duckdb_schemas",
    "duckdb_tables",
    "duckdb_types",
    "duckdb_views",
    "generate_series",
    "icu_calendar_names",
    "json_each",
    "json_tree",
    "pg_timezone_names",
    "pragma_table_info",
    "pragma_version",
    "range",
    "repeat",
    "summary",
    "unnest",
];

/// Scalar functions that read outside the data (settings, the environment, the log), or that plan a
/// statement hidden in a text.
const HIDDEN_FUNCTIONS: &[&str] = &[
    "add_parquet_key",
    "currval",
    "current_setting",
    "getenv",
    "getvariable",
    "json_serialize_plan",
    "nextval",
    "write_log",
];

/// DuckDB's own views of settings, logs and file locations.
const HIDDEN_TABLES: &[&str] = &["duckdb_databases", "duckdb_logs", "pg_settings", "pragma_database_list"];

/// Schemas that a table's name may be qualified with. Any other word before a dot can be the start
/// of a file name: DuckDB reads `FROM secret.csv` as a file.
const SCHEMAS: &[&str] = &["", "main", "information_schema", "pg_catalog"];

/// Kinds of query that a parse tree may contain.
const QUERY_NODES: &[&str] = &["SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"];

/// Kinds of source that a parse tree may contain.
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

/// Checks a statement with DuckDB's own parser. `parser` is a connection without any data,
/// `catalog` the name under which DuckDB knows the warehouse.
///
/// Returns the tables that it reads.
///
/// Errors: [`AskError::BadSql`] if it cannot be parsed, [`AskError::Refused`] if it is not allowed
/// to run.
pub(super) fn check(parser: &Connection, catalog: &str, sql: &str) -> Result<Vec<String>, AskError> {
    let tree = parse(parser, explained(sql))?;
    let statements = tree["statements"].as_array().map_or(0, Vec::len);
    match statements {
        0 => return Err(AskError::BadSql("there is no statement".into())),
        1 => {}
        many => return Err(refused(format!("{many} statements were given; one at a time can run"))),
    }
    check_tree(&tree, catalog)?;
    Ok(StatementSources::of(&tree).tables.into_iter().collect())
}

/// Checks a statement that may see only stand-ins. A qualified name reaches the table behind the
/// stand-ins; DuckDB's views and functions about itself, and a plan, reveal how they are made.
/// Returns the tables that it reads.
pub(super) fn check_redacted(parser: &Connection, sql: &str) -> Result<Vec<String>, AskError> {
    if after_word(sql, "explain").is_some() {
        return Err(refused(
            "EXPLAIN is not allowed with --redact: a plan shows the key of the stand-ins".into(),
        ));
    }
    let tables = check(parser, "", sql)?;
    check_unqualified(&parse(parser, explained(sql))?)?;
    Ok(tables)
}

fn check_unqualified(node: &Json) -> Result<(), AskError> {
    match node {
        Json::Array(items) => items.iter().try_for_each(check_unqualified),
        Json::Object(entries) => {
            let part = |key: &str| node[key].as_str().unwrap_or("").to_ascii_lowercase();
            let (kind, name) = (part("type"), part("table_name"));
            let own = ["duckdb_", "pg_", "sqlite_"].iter().any(|start| name.starts_with(start));
            if kind == "base_table" && (own || !part("schema_name").is_empty()) {
                return Err(refused(format!(
                    "with --redact only unqualified table names are allowed, not {name}"
                )));
            }
            let function = node["function"]["function_name"].as_str().unwrap_or("").to_ascii_lowercase();
            if kind == "table_function" && function.starts_with("duckdb_") {
                return Err(refused(format!("the table function {function} is not allowed with --redact")));
            }
            entries.values().try_for_each(check_unqualified)
        }
        _ => Ok(()),
    }
}

fn refused(text: String) -> AskError {
    AskError::Refused(text)
}

/// Returns the statement behind EXPLAIN. It is the one to check, because EXPLAIN ANALYZE runs it.
fn explained(sql: &str) -> &str {
    let Some(rest) = after_word(sql, "explain") else { return sql };
    if let Some(analyzed) = after_word(rest, "analyze") {
        return analyzed;
    }
    // `(ANALYZE, FORMAT json)`: options are bare words, so the first closing parenthesis ends them.
    // A query in parentheses starts with another word.
    match after_blanks(rest).strip_prefix('(') {
        Some(list) if ["analyze", "format"].iter().any(|option| after_word(list, option).is_some()) => {
            list.split_once(')').map_or(rest, |(_, statement)| statement)
        }
        _ => rest,
    }
}

/// Returns the text after its first word, if that is `word`.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = after_blanks(text);
    let (head, rest) = text.split_at_checked(word.len())?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
    (ends && head.eq_ignore_ascii_case(word)).then_some(rest)
}

/// Returns a text without leading white space and comments.
fn after_blanks(text: &str) -> &str {
    let mut text = text.trim_start();
    loop {
        let rest = if text.starts_with("--") {
            text.split_once('\n').map_or("", |(_, rest)| rest)
        } else if text.starts_with("/*") {
            after_comment(text)
        } else {
            return text;
        };
        text = rest.trim_start();
    }
}

/// Returns the text after a block comment. Block comments nest.
fn after_comment(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return &text[at..];
        }
    }
    ""
}

/// Returns the parse tree of a statement.
pub(crate) fn parse(parser: &Connection, sql: &str) -> Result<Json, AskError> {
    let text: String =
        parser.query_row(SERIALIZE, [sql], |row| row.get(0)).map_err(|e| failure(&e.to_string()))?;
    // The JSON reader supports 128 levels, which are 60 levels of an expression.
    let tree: Json = serde_json::from_str(&text).map_err(|_| AskError::BadSql(TOO_DEEP.into()))?;
    if tree["error"].as_bool() != Some(true) {
        return Ok(tree);
    }
    let message = tree["error_message"].as_str().unwrap_or("the statement cannot be parsed");
    match tree["error_type"].as_str() {
        // DuckDB finds the columns of such a PIVOT with a statement of its own, which cannot be
        // checked.
        Some("not implemented") if after_word(sql, "pivot").is_some() => Err(refused(
            "PIVOT can run here only with its values listed: PIVOT … ON column IN ('a', 'b')".into(),
        )),
        // DuckDB serializes only SELECT, so every statement that changes something ends here.
        Some("not implemented") => Err(refused(
            "only SELECT can run here (also WITH, VALUES, FROM, DESCRIBE, SUMMARIZE, SHOW TABLES and EXPLAIN of one)".into(),
        )),
        _ => Err(failure(message)),
    }
}

fn check_tree(node: &Json, catalog: &str) -> Result<(), AskError> {
    match node {
        Json::Array(items) => items.iter().try_for_each(|item| check_tree(item, catalog)),
        Json::Object(entries) => {
            check_node(node, catalog)?;
            entries.values().try_for_each(|value| check_tree(value, catalog))
        }
        _ => Ok(()),
    }
}

fn check_node(node: &Json, catalog: &str) -> Result<(), AskError> {
    let Some(kind) = node["type"].as_str() else { return Ok(()) };
    if kind.ends_with("_NODE") && !QUERY_NODES.contains(&kind) {
        return Err(refused(format!("a query must not contain a {kind}")));
    }
    // Sources are the nodes with a `sample`; expressions have none.
    if node.get("sample").is_some() && node.get("alias").is_some() && !SOURCES.contains(&kind) {
        return Err(refused(format!("a query must not read from a {kind}")));
    }
    if kind == "BASE_TABLE" {
        check_table(node, catalog)?;
    }
    if kind == "SHOW_REF" {
        check_show(node)?;
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

/// Checks the subject of SHOW, DESCRIBE or SUMMARIZE. Without a query it is one of DuckDB's own
/// lists: those of databases and of variables tell where files are, and the key of the stand-ins.
fn check_show(node: &Json) -> Result<(), AskError> {
    let list = node["table_name"].as_str().unwrap_or_default().trim_matches('"').to_ascii_lowercase();
    match list.as_str() {
        "" | "tables" | "__show_tables_expanded" => Ok(()),
        _ => Err(refused(format!("SHOW {list} is not allowed here, only SHOW TABLES"))),
    }
}

/// Checks a table's name. DuckDB could read some names as file names.
fn check_table(node: &Json, catalog: &str) -> Result<(), AskError> {
    let part = |key: &str| node[key].as_str().unwrap_or("").to_ascii_lowercase();
    let (schema, name) = (part("schema_name"), part("table_name"));
    if name.contains(['/', '\\', '.', ':', '*', '?', '[', '~']) {
        return Err(refused(format!("\"{name}\" names a file, and only tables can be read here")));
    }
    let qualified = part("catalog_name");
    if !qualified.is_empty() && qualified != catalog.to_ascii_lowercase() {
        return Err(refused(format!(
            "\"{qualified}.{schema}.{name}\" is not a table: there is no database {qualified}"
        )));
    }
    if !SCHEMAS.contains(&schema.as_str()) {
        return Err(refused(format!("\"{schema}.{name}\" is not a table: there is no schema {schema}")));
    }
    if HIDDEN_TABLES.contains(&name.as_str()) {
        return Err(refused(format!("the table {name} is not allowed here")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_single_selects() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str| {
            let verdict = super::check(&parser, "0-ab", sql);
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
        check("EXPLAIN (ANALYZE, FORMAT json) SELECT 1");
        check("EXPLAIN (SELECT 1)");
        check("-- why\n/* /* nested */ */ EXPLAIN/**/ANALYZE SELECT 1");
        check("PIVOT zone ON region IN ('eu-west-1') USING count(*)");
        check("SELECT * FROM information_schema.tables, main.zone");
        check("SELECT * FROM \"0-AB\".main.zone");
        check("DESCRIBE SELECT 1");
        check("SUMMARIZE instance_type");
        check("SHOW TABLES");
        check("SHOW ALL TABLES");
        check("SELECT a, count(*) FILTER (WHERE b) OVER (PARTITION BY c) FROM t TABLESAMPLE 10%");
        check("SELECT 1; -- done");
    }

    #[test]
    fn returns_the_tables_that_a_statement_reads() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str, expected: &[&str]| {
            assert_eq!(super::check(&parser, "0-ab", sql).unwrap(), expected, "{sql}");
        };
        check("SELECT 1", &[]);
        check("FROM price", &["price"]);
        check(
            "select * from main.\"price_history\" p JOIN instance_type USING (instance_type)",
            &["instance_type", "price_history"],
        );
        check("SELECT * FROM PRICE AS p, offering o WHERE p.region = o.region", &["offering", "price"]);
        check(
            "SELECT region FROM instance_type_corrected ORDER BY region, price",
            &["instance_type_corrected"],
        );
        check("SELECT 1 -- from price\n", &[]);
        check("SELECT 'FROM price' AS text FROM zone", &["zone"]);
        check("SELECT extract(year FROM observed_at) FROM zone", &["zone"]);
        check("SELECT * FROM (SELECT * FROM zone) AS region", &["zone"]);
        check("SELECT (SELECT max(price) FROM price) FROM zone", &["price", "zone"]);
        check("SELECT 1 IN (FROM price)", &["price"]);
        check("WITH price AS (FROM zone) FROM price", &["zone"]);
        check("WITH price AS (FROM price) FROM price", &["price"]);
        check("WITH a AS (FROM zone), b AS (FROM a) FROM b UNION ALL FROM offering", &["offering", "zone"]);
        check(
            "WITH a AS (FROM zone) SELECT * FROM price WHERE region IN (SELECT region FROM a)",
            &["price", "zone"],
        );
        check(
            "WITH RECURSIVE zone AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM zone WHERE n < 3) FROM zone, price",
            &["price"],
        );
        check("EXPLAIN ANALYZE FROM price", &["price"]);
        check("SUMMARIZE price", &["price"]);
        check("FROM range(5)", &[]);
        check("FROM information_schema.tables", &[]);
    }

    #[test]
    fn accepts_only_unqualified_tables_with_stand_ins() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str, may: bool| {
            assert_eq!(super::check_redacted(&parser, sql).is_ok(), may, "{sql}");
        };
        check("SELECT * FROM instance JOIN volume USING (account_id)", true);
        check("FROM range(3)", true);
        check("FROM main.instance", false);
        check("EXPLAIN FROM instance", false);
        check("explain analyze SELECT 1", false);
        check("/* a */ EXPLAIN (FORMAT json) FROM instance", false);
        check("SELECT getvariable('redaction_key')", false);
        check("SHOW VARIABLES", false);
        check("FROM (DESCRIBE variables)", false);
        check("SELECT (SELECT value FROM (SHOW \"Variables\"))", false);
        check("DESCRIBE instance", true);
        check("SELECT (SELECT max(instance_id) FROM main.instance)", false);
        check("FROM \"0-ab\".main.instance", false);
        check("FROM duckdb_views()", false);
        check("FROM duckdb_views", false);
        check("FROM information_schema.tables", false);
        check("SELECT 1; SELECT 2", false);
    }

    #[test]
    fn refuses_all_other_statements() {
        let parser = Connection::open_in_memory().unwrap();
        let check = |sql: &str| {
            let verdict = super::check(&parser, "0-ab", sql);
            assert!(matches!(verdict, Err(AskError::Refused(_) | AskError::BadSql(_))), "{sql}: {verdict:?}");
        };
        check("");
        check("SELECT 1; SELECT 2");
        check("COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN (ANALYZE) COPY (SELECT 1) TO '/tmp/x'");
        check("/* /* */ EXPLAIN SELECT 1 */ COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN/**/ANALYZE/**/COPY (SELECT 1) TO '/tmp/x'");
        check("EXPLAIN (ANALYZE");
        check("/* never closed");
        check("SELECT * FROM secret.csv");
        check("SELECT * FROM secret.main.csv");
        check("SELECT * FROM temp.main.zone");
        check("SELECT * FROM 'x.parquet'");
        check("SELECT * FROM pg_catalog.pg_settings");
        check("SELECT json_serialize_plan('SELECT 1')");
        check("SELECT * FROM read_csv('/etc/passwd')");
        check("SELECT * FROM query('SELECT 1')");
        check("SELECT current_setting('home_directory')");
        check("SELECT getenv('HOME')");
        check("SHOW DATABASES");
        check("SUMMARIZE variables");
        check("SHOW SCHEMAS");
        check("SELECT (SELECT content FROM read_text('/etc/passwd'))");
    }
}
