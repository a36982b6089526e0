//! Files that survive a crash: complete under their final name, or absent. [`DigestLedger`] finds
//! those that changed later.
//!
//! Every crate that writes a file which another process may read goes through this crate (the pure
//! core writes none). It makes five promises, and each has a test:
//!
//! * **Atomic.** A reader sees the old file or the new one. The bytes and the folder are synced
//!   before the call returns.
//! * **Not redirectable.** A temporary file has a random name and is opened with `O_EXCL` and
//!   `O_NOFOLLOW`, so a link that somebody planted is never followed.
//! * **Private by choice.** The mode is an argument. It is applied when the file is created, before
//!   any byte is written.
//! * **Files alone.** [`open_regular`] refuses a pipe, a device or a folder at once.
//! * **Nothing left behind.** An unfinished temporary file is removed when its owner is dropped.
//!   After a crash [`remove_abandoned`] removes it, because its name holds the writer's process id.

#![allow(clippy::disallowed_methods, reason = "it is the crate that writes files")]

mod digest;
mod folder;
mod ledger;
mod lock;
mod regular;
mod temporary;

pub use digest::{DigestReader, DigestWriter, FileDigest, file_digest};
pub use folder::{create_private_folder, sync_folder};
pub use ledger::DigestLedger;
pub use lock::{FileLock, LockError};
pub use regular::{open_regular, read_bounded, read_regular, read_text};
pub use temporary::{TemporaryFile, TemporaryFolder, is_running, remove_abandoned};

use std::io::{self, Write};
use std::path::Path;

/// Mode of a file that its owner alone may read and write.
pub const PRIVATE: u32 = 0o600;

/// Mode of a file that everybody may read, subject to the process's umask.
pub const SHARED: u32 = 0o666;

/// Writes a file atomically: temporary file, sync, rename, sync of the folder.
///
/// An existing file is replaced, and its mode becomes `mode` (less the umask). The folder must
/// exist.
///
/// # Errors
/// The file system's error. The file at `path` is then unchanged.
pub fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = TemporaryFile::create(path, mode)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Writes a file atomically like [`write_atomic`], but a file that it replaces passes on its mode.
///
/// # Errors
/// The file system's error. The file at `path` is then unchanged.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = TemporaryFile::replacing(path, mode)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Writes a file that must not exist yet; otherwise like [`write_atomic`].
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is something at `path`, which then stays as it is;
/// otherwise the file system's error.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = TemporaryFile::create(path, mode)?;
    file.write_all(bytes)?;
    file.commit_new()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_atomic_write_replaces_the_file_and_sets_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomic(&path, b"one", SHARED).unwrap();
        write_atomic(&path, b"two", PRIVATE).unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (b"two".as_slice(), 0o600));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("a.json"));
        for kept in [0o600, 0o640, 0o444] {
            let _ = fs::remove_file(&path);
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(kept)).unwrap();
            replace(&path, b"new", SHARED).unwrap();
            assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (b"new".as_slice(), kept));
        }
        fs::remove_file(&path).unwrap();
        fs::write(&victim, "untouched").unwrap();
        fs::set_permissions(&victim, PermissionsExt::from_mode(0o777)).unwrap();
        symlink(&victim, &path).unwrap();
        replace(&path, b"new", PRIVATE).unwrap();
        assert_eq!((fs::read_to_string(&victim).unwrap().as_str(), mode(&path)), ("untouched", 0o600));
    }

    #[test]
    fn an_atomic_write_replaces_a_link_and_never_follows_it() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("a.json"));
        fs::write(&victim, "untouched").unwrap();
        symlink(&victim, &path).unwrap();
        write_atomic(&path, b"new", PRIVATE).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(!path.is_symlink());
    }

    #[test]
    fn a_new_file_is_refused_where_one_exists() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, b"first", PRIVATE).unwrap();
        let error = write_new(&path, b"second", PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file remains");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("a.json");
        assert_eq!(write_atomic(&path, b"x", PRIVATE).unwrap_err().kind(), io::ErrorKind::NotFound);
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        fs::write(taken.join("kept"), "").unwrap();
        assert!(write_atomic(&taken, b"x", PRIVATE).is_err());
        assert!(taken.join("kept").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file remains");
    }
}
