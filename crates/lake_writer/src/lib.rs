//! The lake as its one writer sees it: rows to Parquet, commits, compaction, pruning, bills and
//! bundles.
//!
//! This is the only crate that names polars. It knows no SQL, DuckDB, network or meaning of a
//! price.
//!
//! * `LakeWriter` holds the writer's lock and commits a manifest; see the crate `lake` for the
//!   folder's layout.
//! * `LakeStore` is the port `Store` that the collector writes through.
//!
//! # How a run becomes visible
//!
//! 1. The collector alone writes, under an exclusive lock on `writer.lock`.
//! 2. A run writes and syncs Parquet files under new names, then `manifest/<n>.json`, which lists
//!    every visible file with its digest.
//! 3. Renaming a `CURRENT` that names `n` into place is the commit.
//! 4. A reader takes a shared lock on manifest `n`, checks that it is still linked, and answers
//!    from `n` alone. Views hold a manifest's literal list of files.
//! 5. Cleanup removes an old manifest after an exclusive lock on it succeeded, then the files that
//!    no manifest lists.
//!
//! So a process that is killed at any instant loses at most its own run.
//!
//! A scope that was seen completely gets the digest of its rows. If the newest statement of the
//! scope has the same digest, the run records `unchanged` and stores no rows.
//!
//! # Prices that change
//!
//! `spot_price` is a set of observations: a series (type, zone, product, region, currency), an
//! instant and a price. The answer for an instant is a function of that set: of each series, the
//! newest observation at or before the instant. Of two observations at the same instant, a known
//! price wins, then the higher one. The order of imports, overlaps and compactions have no
//! influence. So imports are merged by union, and only an identical observation is dropped.
//!
//! A run is `lake/spot_price/v=1/<run>.parquet`, sorted by type, zone, product and instant. A run
//! of more than 20 million observations continues in `<run>.2.parquet`. In memory an observation
//! has 24 bytes. To find known observations, an import reads only the row groups whose footer
//! allows a match of types and instants.
//!
//! Compaction reads all such files side by side, one family of types at a time, together with the
//! family's file, and writes `family=<family>/compacted-<manifest>.parquet`. Families without new
//! observations keep their files. Its memory is two million rows and one family, whatever the size
//! of the lake. The files of the log of runs are compacted into one file.
//!
//! # Pruning, forgetting and bundles
//!
//! Pruning is a new manifest too. A run of a snapshot is removed if, in each of its scopes, a
//! complete run replaced it before the kept time begins. Of prices, each series keeps the
//! observation that is valid then. The log keeps the run's row with the outcome `pruned`: it still
//! bounds the validity of earlier rows, and the same file may be imported again.
//!
//! Forgetting an account rewrites the files that name it, group by group, and the log, in a new
//! manifest. Unpacking a bundle adopts unknown runs under their own names, and merges prices as any
//! import does.
//!
//! Dropping a run is a new manifest without its files. Where a compacted file has rows of the run,
//! it is written again without them.
//!
//! # Bills
//!
//! The columns of FOCUS exports and of Cost and Usage Reports are mapped one by one; columns
//! without a mapping go to `extra`. Bills of several gigabytes are read in pieces of bounded size.
//! A cell that cannot be read stays as it is and is a gap; an amount that is rounded is counted.
//!
//! The lines of a run are `lake/charge/v=4/month=<month>/<run>.parquet`, one file for each billing
//! month. After the dataset's columns come a text column for each frequent tag, such as
//! `tag:user:^team` (`^` marks an upper-case letter, because engines do not distinguish columns by
//! case), and `other_tags` with the rest as JSON. The entries of `extra` are columns in the same
//! way, such as `extra:product/vcpu`, and `other_extra`. Readers make the JSON of `tags` and
//! `extra` from them: `extra` is not stored, and `tags` has only texts of older imports that are
//! no JSON object. If a tag or an entry becomes frequent later in a run, the run continues in
//! `<run>.2.parquet` with a column for it.
//!
//! `sums=<month>/<run>.parquet` has the daily sums of the lines in the file of the same name, of
//! the same commit: see `billing/daily_sums.rs`. Compaction rewrites bills of older versions:
//! version 3 had fewer sums, version 2 had all tags as JSON too, and version 1 had `extra` as JSON
//! and no sums, and at first neither months nor columns of tags.

#![allow(clippy::disallowed_methods, reason = "a lake is a folder of files")]

mod billing;
mod bundle;
mod bundle_check;
mod cleanup;
mod columns;
mod compact;
mod files;
mod forget;
pub mod fuzz_entry;
mod log;
mod parquet_appender;
mod parquet_guard;
mod parquet_limits;
mod price_file;
mod prices;
mod public_files;
mod removal;
mod retention;
mod run;
mod scopes;
mod spot_history;
mod store;
mod writer;

pub use store::LakeStore;
pub use writer::{LakeWriter, WrittenFile, parquet_bytes, write_manifest};
