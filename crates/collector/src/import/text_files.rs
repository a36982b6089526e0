//! Opens files that may be compressed, and refuses files in formats that cannot be imported.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use catalog::ports::StopFlag;
use console::{Failure, FailureKind};
use feeds::ForeignFormat;

/// Opens a text file, which may be compressed.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn io::BufRead>> {
    feeds::plain_text(Box::new(File::open(path)?))
}

/// Opens a text file like `open`. Reads fail once `stop` is set.
pub(super) fn open_until(stop: &StopFlag, path: &Path) -> io::Result<Box<dyn io::BufRead>> {
    feeds::plain_text(Box::new(StoppableFile { file: File::open(path)?, stop: stop.clone() }))
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

/// Detects a format that cannot be imported. Parquet and bundles are not text, but can be.
pub(super) fn foreign_format(path: &Path) -> Result<Option<ForeignFormat>, Failure> {
    let mut head = Vec::new();
    if !is_parquet(path)? && !is_bundle(path)? {
        let text = open(path).map_err(|e| unreadable(path, &e))?;
        // Later errors of decompression are reported by the import itself.
        let _ = text.take(feeds::HEAD as u64).read_to_end(&mut head);
    }
    Ok(feeds::detect_foreign_format(&head))
}

/// Refuses a file in a format that cannot be imported.
pub(super) fn refuse_foreign_format(path: &Path) -> Result<(), Failure> {
    let Some(ForeignFormat { name, cure }) = foreign_format(path)? else { return Ok(()) };
    let shown = path.display().to_string();
    Err(Failure::new(FailureKind::Data, format!("{shown} is {name}")).hint(cure.replace("FILE", &shown)))
}

/// Returns the failure of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let text = format!("{} cannot be read: {error}", path.display());
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            Failure::new(FailureKind::Data, text).hint("the file is damaged or cut short; copy it again")
        }
        _ => Failure::broken(text),
    }
}

/// Whether a file begins like Parquet.
pub(super) fn is_parquet(path: &Path) -> Result<bool, Failure> {
    starts_with(path, b"PAR1")
}

/// Whether a file begins like a bundle.
pub(super) fn is_bundle(path: &Path) -> Result<bool, Failure> {
    starts_with(path, BUNDLE)
}

/// Name of a bundle's first entry, the first bytes of the archive.
const BUNDLE: &[u8] = b"mycelium-bundle.json";

fn starts_with(path: &Path, mark: &[u8]) -> Result<bool, Failure> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    file.take(mark.len() as u64).read_to_end(&mut start).map_err(|e| unreadable(path, &e))?;
    Ok(start == mark)
}
