//! Temporary files and folders: random names, exclusive creation, removal when they are dropped.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::PRIVATE;
use crate::folder::{parent, sync_folder};

/// A file under a temporary name in the folder of its target. [`TemporaryFile::commit`] gives it
/// its name; dropped before that, it is removed.
#[derive(Debug)]
pub struct TemporaryFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl TemporaryFile {
    /// Creates `.<name>.<pid>.<random>.tmp` beside `target`, with this mode less the umask.
    ///
    /// # Errors
    /// The file system's error, for example when the folder is missing or read-only.
    pub fn create(target: &Path, mode: u32) -> io::Result<TemporaryFile> {
        let path = temporary_path(target)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(&path)?;
        Ok(TemporaryFile { file, path, target: target.to_path_buf() })
    }

    /// Like [`TemporaryFile::create`], but a file that it replaces passes on its mode. Nothing is
    /// read through a link at `target`.
    ///
    /// # Errors
    /// The file system's error.
    pub fn replacing(target: &Path, mode: u32) -> io::Result<TemporaryFile> {
        let before = fs::symlink_metadata(target).ok().filter(fs::Metadata::is_file);
        let Some(before) = before else { return TemporaryFile::create(target, mode) };
        // Private until it has the mode of the old file, which may be narrower than `mode`.
        let new = TemporaryFile::create(target, PRIVATE)?;
        new.file.set_permissions(before.permissions())?;
        Ok(new)
    }

    /// Returns the temporary path, for a library that opens files by name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Syncs the file, renames it to its target, and syncs the folder.
    ///
    /// # Errors
    /// The file system's error; the target is then unchanged.
    pub fn commit(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, &self.target)?;
        sync_folder(&parent(&self.target))
    }

    /// Like [`TemporaryFile::commit`], but never replaces a file.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when the target exists; otherwise the file system's error.
    pub fn commit_new(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::hard_link(&self.path, &self.target)?;
        sync_folder(&parent(&self.target))
    }
}

impl Write for TemporaryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // After a commit the name is gone. A file that cannot be removed is found by
        // `remove_abandoned`.
        let _ = fs::remove_file(&self.path);
    }
}

/// A folder under a temporary name, readable by its owner alone. Dropped before
/// [`TemporaryFolder::commit`], it is removed with everything in it.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    target: PathBuf,
}

impl TemporaryFolder {
    /// Creates `.<name>.<pid>.<random>.tmp` beside `target`.
    ///
    /// # Errors
    /// The file system's error.
    pub fn create(target: &Path) -> io::Result<TemporaryFolder> {
        let path = temporary_path(target)?;
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(TemporaryFolder { path, target: target.to_path_buf() })
    }

    /// Returns the temporary path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the folder to its target and syncs the folder above. The files in it must have been
    /// synced before.
    ///
    /// # Errors
    /// The file system's error, for example when the target exists and is not empty.
    pub fn commit(self) -> io::Result<()> {
        sync_folder(&self.path)?;
        fs::rename(&self.path, &self.target)?;
        sync_folder(&parent(&self.target))
    }
}

impl AsRef<Path> for TemporaryFolder {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // After a commit the name is gone. A folder that cannot be removed is found by
        // `remove_abandoned`.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the temporary files and folders of processes that no longer run, as far as their names
/// begin with `prefix`. A folder that does not exist holds none. A link is never followed.
///
/// # Errors
/// The file system's error with the path in its text.
pub fn remove_abandoned(folder: &Path, prefix: &str) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(named(folder, &error)),
    };
    for entry in entries {
        let entry = entry.map_err(|error| named(folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(prefix) || writer_of(&name).is_none_or(is_running) {
            continue;
        }
        let path = entry.path();
        let is_folder = entry.file_type().map_err(|error| named(&path, &error))?.is_dir();
        let removed = if is_folder { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if !is_absent(&error) => return Err(named(&path, &error)),
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether a process of this machine has this id.
pub fn is_running(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

/// The process id in a temporary name. Names of earlier versions (`.<name>.<pid>.tmp`) and the log
/// that DuckDB writes beside a file (`….tmp.wal`) are recognised too.
fn writer_of(name: &str) -> Option<i32> {
    let name = name.strip_prefix('.')?;
    let name = name.strip_suffix(".wal").unwrap_or(name).strip_suffix(".tmp")?;
    let (before, last) = name.rsplit_once('.')?;
    let is_random = last.len() == RANDOM_DIGITS && last.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pid = if is_random { before.rsplit_once('.')?.1 } else { last };
    pid.parse().ok()
}

/// Hex digits of the random part of a temporary name.
const RANDOM_DIGITS: usize = 16;

fn temporary_path(target: &Path) -> io::Result<PathBuf> {
    let name = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut bytes = [0; RANDOM_DIGITS / 2];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    let random = u64::from_ne_bytes(bytes);
    temporary.push(format!(".{}.{random:016x}.tmp", std::process::id()));
    Ok(parent(target).join(temporary))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn temporary_names_are_random_and_name_their_process() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.parquet");
        let names: std::collections::BTreeSet<PathBuf> =
            (0..100).map(|_| temporary_path(&target).unwrap()).collect();
        assert_eq!(names.len(), 100);
        for path in names {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(writer_of(&name), Some(std::process::id() as i32), "{name}");
        }
        assert!(temporary_path(Path::new("/")).is_err());
    }

    #[test]
    fn the_writer_is_read_from_new_and_earlier_names() {
        let check = |name: &str, expected: Option<i32>| assert_eq!(writer_of(name), expected, "{name}");
        check(".7.json.4711.tmp", Some(4711));
        check(".7.json.4711.0123456789abcdef.tmp", Some(4711));
        check(".0-ab.duckdb.4711.tmp.wal", Some(4711));
        check(".4711.tmp", None);
        check(".a.b.tmp", None);
        check("a.4711.tmp", None);
        check("a.4711.0123456789abcdef.tmp", None);
    }

    #[test]
    fn an_uncommitted_file_or_folder_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = TemporaryFile::create(&folder.path().join("a"), 0o600).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        let made = TemporaryFolder::create(&folder.path().join("b")).unwrap();
        fs::write(made.path().join("inside"), "half").unwrap();
        drop(made);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_abandoned_names_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        // Above the highest process id that Linux gives.
        let (dead, alive) = (5_000_000, std::process::id());
        let make = |name: &str| {
            fs::write(folder.path().join(name), "").unwrap();
            folder.path().join(name)
        };
        let gone = [
            make(&format!(".x.{dead}.tmp")),
            make(&format!(".x.{dead}.0123456789abcdef.tmp")),
            make(&format!(".x.{dead}.0123456789abcdef.tmp.wal")),
        ];
        let stay = [
            make(&format!(".x.{alive}.0123456789abcdef.tmp")),
            make("x.tmp"),
            make(&format!(".y.{dead}.tmp")),
            make(".x.parquet"),
        ];
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "").unwrap();
        symlink(outside.path(), folder.path().join(format!(".x.l.{dead}.tmp"))).unwrap();
        fs::create_dir(folder.path().join(format!(".x.f.{dead}.tmp"))).unwrap();
        remove_abandoned(folder.path(), ".x.").unwrap();
        assert!(gone.iter().all(|path| !path.exists()));
        assert!(stay.iter().all(|path| path.exists()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), stay.len());
        assert!(outside.path().join("kept").exists(), "a link is removed, not its target");
        remove_abandoned(&folder.path().join("nowhere"), ".").unwrap();
    }
}
