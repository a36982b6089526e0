//! The baseline of the benchmark: DuckDB's library alone. Opens a file read-only (or `:memory:`)
//! and runs the statements of another file, reading every row.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "an example is a program of its own"
)]

use duckdb::{AccessMode, Config, Connection};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, statements] = words.as_slice() else { return Err("usage: raw FILE STATEMENTS".into()) };
    let connection = match file.as_str() {
        ":memory:" => Connection::open_in_memory()?,
        path => Connection::open_with_flags(path, Config::default().access_mode(AccessMode::ReadOnly)?)?,
    };
    let mut rows = 0;
    for statement in std::fs::read_to_string(statements)?.split(";\n").filter(|text| !text.trim().is_empty())
    {
        rows += connection.prepare(statement)?.query_arrow([])?.map(|batch| batch.num_rows()).sum::<usize>();
    }
    println!("{rows} rows");
    Ok(())
}
