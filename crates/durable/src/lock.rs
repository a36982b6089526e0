//! Advisory locks on files, which the kernel releases when their process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// A lock on a file, released when it is dropped.
#[derive(Debug)]
pub struct FileLock(File);

/// The reason a lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process, or another handle of this one, has it. The file is handed back open for
    /// reading.
    Taken(File),
    /// The file cannot be created, opened or locked.
    Io(io::Error),
}

impl FileLock {
    /// Creates the file if it is missing (mode 0600, links not followed) and takes its exclusive
    /// lock without waiting.
    ///
    /// # Errors
    /// [`LockError::Taken`] when there is another holder, otherwise [`LockError::Io`].
    pub fn try_exclusive(path: &Path) -> Result<FileLock, LockError> {
        let file = open(path).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => Ok(FileLock(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Taken(file)),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }

    /// Creates the file if it is missing and waits for its exclusive lock.
    ///
    /// # Errors
    /// The file cannot be created, opened or locked.
    pub fn exclusive(path: &Path) -> io::Result<FileLock> {
        let file = open(path)?;
        file.lock()?;
        Ok(FileLock(file))
    }

    /// Returns the locked file, for example to write its holder into it.
    pub fn file(&mut self) -> &mut File {
        &mut self.0
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = FileLock::try_exclusive(&path).unwrap();
        assert!(matches!(FileLock::try_exclusive(&path), Err(LockError::Taken(_))));
        drop(first);
        assert!(FileLock::exclusive(&path).is_ok());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(FileLock::try_exclusive(&link), Err(LockError::Io(_))), "a link is refused");
    }
}
