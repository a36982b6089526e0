//! The lake as readers see it: a folder of Parquet files that a manifest makes visible all at once.
//!
//! This crate finds the newest manifest, pins it while it is read, checks what it lists, and unpacks the embedded
//! seed. It names no large dependency, so that `truffle` stays small. Writing is `lake_writer`'s task.
//!
//! ```text
//! CURRENT                       the number of the newest manifest
//! manifest/<n>.json             every visible file with its digest
//! lake/<dataset>/v=1/<run>.parquet, and the files that compaction made from them:
//! lake/spot_price/v=1/family=<family>/compacted-<n>.parquet, lake/collection_run/v=1/compacted-<n>.parquet
//! warehouse/<n>-<digest>.duckdb  disposable, written by the first reader
//! writer.lock
//! ```

mod folder;
mod pin;
mod seed;

pub use folder::{
    LOCK, LakeError, check_digests, current, current_path, digest, manifest_path, read_manifest, sha256,
};
pub use pin::Pinned;
pub use seed::{Embedded, open_seed};
