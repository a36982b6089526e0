//! The lake: a folder of Parquet files in which each commit becomes visible all at once.
//!
//! This crate writes, names, locks, commits, compacts and prunes files. It is the only crate that
//! depends on polars. It has no SQL, no DuckDB and no network, and it does not interpret prices.
//!
//! ```text
//! CURRENT                        the number of the newest manifest
//! manifest/<n>.json              every visible file with its digest
//! lake/<dataset>/v=1/<run>.parquet
//! lake/spot_price/v=1/family=<family>/compacted-<n>.parquet      written by compaction
//! lake/collection_run/v=1/compacted-<n>.parquet                  written by compaction
//! warehouse/<n>-<digest>.duckdb  disposable, written by the first reader of a manifest
//! writer.lock
//! ```

mod billing;
mod bundle;
mod columns;
mod compact;
mod encode;
mod folder;
mod forget;
mod growing;
mod keep;
mod log;
mod pin;
mod price_file;
mod prices;
mod prune;
mod run;
mod scopes;
mod seed;
mod spot_history;
mod store;
pub mod strangers;
mod writer;

pub use encode::ColumnarEncoder;
pub use folder::{LakeError, check_digests, digest};
pub use pin::Pinned;
pub use prune::clear_passing;
pub use seed::{Embedded, open_seed};
pub use store::LakeStore;
pub use writer::{Writer, Written, parquet_bytes, write_manifest};
