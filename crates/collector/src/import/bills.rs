//! Import of bills, which the lake reads column by column.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use catalog::ports::{BillFiles, BillLayout, ImportReport, StopFlag};
use console::Failure;
use domain::Timestamp;

use super::ImportRequest;
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
    let files = BillFiles { layout, paths: order.paths, observed_at, whole, open: &open, origin: None };
    ports.store.import_bills(&files, now, order.dry_run).map_err(lake_failure)
}

/// Opens a text file, which may be compressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn io::BufRead>> {
    feeds::decompress(Box::new(File::open(path)?))
}

/// Opens a text file like `open`. Reads fail once `stop` is set.
pub(super) fn open_until(stop: &StopFlag, path: &Path) -> io::Result<Box<dyn io::BufRead>> {
    feeds::decompress(Box::new(StoppableFile { file: File::open(path)?, stop: stop.clone() }))
}

struct StoppableFile {
    file: File,
    stop: StopFlag,
}

impl io::Read for StoppableFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Not `ErrorKind::Interrupted`: readers retry after it.
        if self.stop.is_requested() { Err(io::Error::other("interrupted")) } else { self.file.read(buffer) }
    }
}

/// Returns the last change of the newest file: a bill does not state when it was made.
fn newest_change(paths: &[PathBuf]) -> Option<Timestamp> {
    let changed = |path: &PathBuf| Timestamp::try_from(path.metadata().ok()?.modified().ok()?).ok();
    paths.iter().filter_map(changed).max()
}
