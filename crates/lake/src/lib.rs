//! The lake: a folder of Parquet files in which each commit becomes visible all at once.
//!
//! This crate finds the newest manifest, pins it while it is read, checks its files, and unpacks
//! the embedded seed. It has no large dependency, so that `truffle` stays small. The crate
//! `lake_writer` writes.
//!
//! ```text
//! CURRENT                        the number of the newest manifest
//! manifest/<n>.json              every visible file with its digest
//! lake/<dataset>/v=1/<run>.parquet
//! lake/spot_price/v=1/family=<family>/compacted-<n>.parquet      written by compaction
//! lake/charge/v=4/month=<month>/<run>.parquet
//! lake/charge/v=4/sums=<month>/<run>.parquet                     daily sums of the same lines
//! lake/collection_run/v=1/compacted-<n>.parquet                  written by compaction
//! warehouse/<n>-<digest>.duckdb  disposable, written by the first reader of a manifest
//! warehouse/verified             the files whose digest was compared, also disposable
//! writer.lock
//! ```
//!
//! # Damage
//!
//! A manifest's paths, numbers and sizes are checked whenever it is opened. A file's digest is
//! compared before the first answer that reads it, and again after the file changed (its size,
//! inode or times). So an answer comes from the bytes that were committed, or there is none.
//!
//! The seed is manifest 0. It is unpacked once into the cache, under its digest.

#![allow(clippy::disallowed_methods, reason = "a lake is a folder of files")]

mod error;
mod folder;
mod pin;
mod seed;
mod verify;

pub use error::LakeError;
pub use folder::{LOCK, current, current_path, digest, manifest_path, open_manifest, read_manifest, sha256};
pub use pin::PinnedManifest;
pub use seed::{EmbeddedFile, open_seed, unpack_seed_again};
pub use verify::{DIFFERS, check_sizes, damaged_files, verify_files};
