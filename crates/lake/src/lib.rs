//! The lake: a folder of Parquet files that a manifest makes visible all at once.
//!
//! This room is for rows on disk: writing them, naming them, locking, committing and pruning. It is
//! the only crate that names polars. It will never know SQL, DuckDB, a network or what a price means.
//!
//! ```text
//! CURRENT                       the number of the newest manifest
//! manifest/<n>.json             every visible file with its digest
//! lake/<dataset>/v=1/<run>.parquet, and what compaction made of them:
//! lake/spot_price/v=1/family=<family>/compacted-<n>.parquet, lake/collection_run/v=1/compacted-<n>.parquet
//! warehouse/<n>-<digest>.duckdb  disposable, written by whoever reads first
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
