//! Opens files that may be compressed.

use std::fs::File;
use std::io;
use std::path::Path;

use catalog::ports::StopFlag;
use console::Failure;

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

/// Returns the failure of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::broken(format!("{} cannot be read: {error}", path.display()))
}
