//! Import of bills, which the lake reads column by column.

use std::path::PathBuf;

use catalog::ports::{BillFiles, BillLayout, ImportReport};
use console::Failure;
use domain::Timestamp;

use super::request::ImportRequest;
use super::text_files;
use crate::Ports;
use crate::lake_failure;

pub(super) fn import_bills(
    layout: BillLayout,
    order: &ImportRequest<'_>,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<ImportReport, Failure> {
    let observed_at = order.observed_at.or_else(|| newest_change(order.paths)).unwrap_or(now).min(now);
    let whole = !order.partial;
    let files =
        BillFiles { layout, paths: order.paths, observed_at, whole, open: &text_files::open, origin: None };
    ports.store.import_bills(&files, now, order.dry_run).map_err(lake_failure)
}

/// Returns the last change of the newest file: a bill does not state when it was made.
fn newest_change(paths: &[PathBuf]) -> Option<Timestamp> {
    let changed = |path: &PathBuf| Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok();
    paths.iter().filter_map(changed).max()
}
