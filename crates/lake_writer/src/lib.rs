//! The lake as its one writer sees it: rows to Parquet, commits, compaction, pruning, bills and
//! bundles.
//!
//! This is the only crate that names polars. It knows no SQL, DuckDB, network or meaning of a
//! price.
//!
//! * `LakeWriter` holds the writer's lock and commits a manifest; see the crate `lake` for the
//!   folder's layout.
//! * `LakeStore` is the port `Store` that the collector writes through.

mod billing;
mod bundle;
mod cleanup;
mod columns;
mod compact;
mod files;
mod forget;
pub mod fuzz_entry;
mod log;
mod parquet_appender;
mod price_file;
mod prices;
mod retention;
mod run;
mod scopes;
mod spot_history;
mod store;
mod writer;

pub use store::LakeStore;
pub use writer::{LakeWriter, WrittenFile, parquet_bytes, write_manifest};
