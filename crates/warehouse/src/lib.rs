//! The warehouse: DuckDB over the files of a manifest, named questions, and an isolated query
//! process for user SQL.
//!
//! This is the only crate that uses duckdb, and no type of DuckDB or Arrow appears in a public
//! signature. It never writes to a lake, opens a socket, or reads a clock for an answer: `$as_of`
//! is a parameter like any other.

mod arrow_page;
mod ask;
mod base_tables;
mod build;
mod encode;
mod isolation;
mod open;
mod redact;

pub use ask::Warehouse;
pub use encode::ColumnarEncoder;
pub use isolation::{QUERY_PROCESS_ARGUMENT, run_query_process};
pub use open::{WarehouseSource, WarehouseStorage};
