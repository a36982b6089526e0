//! The warehouse: DuckDB over the files of a manifest, named questions, and an isolated query
//! process for user SQL.
//!
//! This is the only crate that uses duckdb, and no type of DuckDB or Arrow appears in a public
//! signature. It never writes to a lake, opens a socket, or reads a clock for an answer: `$as_of`
//! is a parameter like any other.
//!
//! # The file of a warehouse
//!
//! `warehouse/<n>-<digest>.duckdb` is built under a temporary name, closed, renamed, and opened
//! read-only from then on. The digest covers the statements and the manifests, so a new version of
//! the program makes a new file. Snapshot datasets are tables in it; large datasets of changes are
//! views over Parquet files. Where no folder can be written, the same statements run in memory, and
//! the seed is read from memory too.
//!
//! A file is compared with its digest before the first answer that reads it: all files when a
//! warehouse is made, and later the files of changes and bills that a question reads. The list of
//! compared files stands beside the warehouse, so an unchanged file is read once.
//!
//! # Snapshots and time
//!
//! Each row of a snapshot has the span in which it was the newest statement of its scope
//! (`valid_from`, `valid_until`). The span ends with the next complete run of the scope, or with
//! the next row of the same key. So a complete run retires rows that it does not list, a partial
//! run only adds rows, and a question about an instant is two comparisons. `x_history` holds all
//! rows, `x` the ones that are valid now.
//!
//! Bills are too large for such a table: `charge` is a view over the files. Only the statements
//! (account and month, or account and day from Cost Explorer) are a table, `charge_statement`, with
//! the span in which each was valid. A bill of a month stands for its days, so that no charge
//! counts twice, whichever source reported it.
//!
//! A question about bills reads only files with valid lines of its month, and the stored columns of
//! its tag instead of JSON; see `bills.rs`.
//!
//! A question with a parameter of type `type` is about one instance type. For that question alone,
//! the dataset's view covers only files that can contain the type's family. They come from the
//! manifest, never from a file pattern.
//!
//! # Quarantine
//!
//! `queries/build/quarantine.sql` decides from the whole lake whether an on-demand price is absurd,
//! so the order of imports has no influence. Such a price goes to `price_held` with its reason, the
//! price before it stays valid, and the run's gaps report it. To release one, the collector adds a
//! row to `acceptance`; the price itself stays as it is in the lake.
//!
//! # Redaction
//!
//! `truffle export --redact` puts views with keyed stand-ins before the tables that have private
//! columns, in its own connection and in the isolated query process. The catalog marks each column
//! (`catalog/src/column_privacy.rs`). The key is a variable of the connection and in no text of
//! SQL; `EXPLAIN` is refused, because a plan shows the values of variables.

#![allow(clippy::disallowed_methods, reason = "a warehouse is a file")]

mod answer;
mod arrow_page;
mod ask;
mod base_tables;
mod bill_limit;
mod bill_sums;
mod bills;
mod build;
mod encode;
mod isolation;
mod message;
mod open;
mod redact;
mod source;
mod verify;

pub use ask::Warehouse;
pub use encode::ColumnarEncoder;
pub use isolation::{QUERY_PROCESS_ARGUMENT, run_query_process};
pub use open::WarehouseStorage;
pub use source::WarehouseSource;

#[cfg(test)]
mod question_tests;
