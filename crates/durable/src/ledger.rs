//! Compares files with their digests, and remembers the result until a file changes.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{PRIVATE, create_private_folder, file_digest, read_text, write_atomic};

/// The name of a ledger's file in its folder.
const NAME: &str = "verified";

/// The largest ledger that is read, in bytes: a few hundred thousand files.
const LONGEST: u64 = 64 << 20;

/// The number of entries above which those of files that were not compared now are dropped.
const MANY: usize = 20_000;

/// Files whose bytes were compared with their digest.
///
/// Each entry has the file's size, inode and times, so a file is read again after any change. It
/// has no name, because a name may contain an account's number. The ledger is a cache: without it,
/// every file is read each time.
#[derive(Debug, Default)]
pub struct DigestLedger {
    folders: Vec<PathBuf>,
    /// The files of earlier comparisons.
    known: HashSet<String>,
    /// The files of this comparison.
    compared: HashSet<String>,
    is_changed: bool,
}

impl DigestLedger {
    /// Reads the ledgers of these folders. One that cannot be read counts as empty.
    pub fn read(folders: &[PathBuf]) -> DigestLedger {
        let mut ledger = DigestLedger { folders: folders.to_vec(), ..DigestLedger::default() };
        for folder in folders {
            let text = read_text(&folder.join(NAME), LONGEST).unwrap_or_default();
            ledger.known.extend(text.lines().map(String::from));
        }
        ledger
    }

    /// Returns whether the bytes of a file have this SHA-256, in lowercase hexadecimal digits. The
    /// file is read only if its state differs from the one that the ledger knows.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn matches(&mut self, path: &Path, sha256: &str) -> io::Result<bool> {
        let state = state(&fs::metadata(path)?, sha256);
        if !self.known.contains(&state) {
            let found = file_digest(path)?.sha256;
            if found.iter().map(|byte| format!("{byte:02x}")).collect::<String>() != sha256 {
                return Ok(false);
            }
            self.is_changed = true;
        }
        self.compared.insert(state);
        Ok(true)
    }

    /// Writes the ledger into the first folder that can be written, if it has changed.
    ///
    /// # Errors
    /// No folder can be written. The next reader then compares the files again.
    pub fn save(mut self) -> io::Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        if self.known.len() <= MANY {
            self.compared.extend(self.known);
        }
        let text: String = self.compared.iter().map(|state| format!("{state}\n")).collect();
        let mut written = Ok(());
        for folder in &self.folders {
            written = create_private_folder(folder)
                .and_then(|()| write_atomic(&folder.join(NAME), text.as_bytes(), PRIVATE));
            if written.is_ok() {
                break;
            }
        }
        written
    }
}

/// Describes a file's state and its expected digest. A program can set the modification time of a
/// file, but not the time of the last change of its inode, so both are compared.
fn state(found: &Metadata, sha256: &str) -> String {
    let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
    let times = times.map(|part| part.to_string()).join(" ");
    format!("{sha256} {} {} {} {times}", found.size(), found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn matches(folders: &[PathBuf], path: &Path) -> bool {
        let mut ledger = DigestLedger::read(folders);
        let matches = ledger.matches(path, ABC).unwrap();
        ledger.save().unwrap();
        matches
    }

    #[test]
    fn a_file_is_read_again_only_after_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (path, folders) = (folder.path().join("a"), [folder.path().join("cache")]);
        fs::write(&path, "abc").unwrap();
        assert!(matches(&folders, &path));
        let ledger = folders[0].join(NAME);
        let known = fs::read_to_string(&ledger).unwrap();
        assert!(known.starts_with(ABC) && known.lines().count() == 1, "{known}");
        // A ledger that names the file's state is believed.
        let mut believed = DigestLedger::read(&folders);
        believed.known.insert(state(&fs::metadata(&path).unwrap(), &"0".repeat(64)));
        assert!(believed.matches(&path, &"0".repeat(64)).unwrap());
        fs::write(&path, "abd").unwrap();
        assert!(!matches(&folders, &path));
        fs::write(&path, "abc").unwrap();
        assert!(matches(&folders, &path));
    }

    #[test]
    fn a_restored_modification_time_hides_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let (path, folders) = (folder.path().join("a"), [folder.path().join("cache")]);
        fs::write(&path, "abc").unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        assert!(matches(&folders, &path));
        // The clock of a file system advances in steps of some milliseconds.
        let before = fs::metadata(&path).unwrap().ctime_nsec();
        while fs::metadata(&path).unwrap().ctime_nsec() == before {
            fs::write(&path, "xyz").unwrap();
        }
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert!(!matches(&folders, &path));
    }

    #[test]
    fn a_large_ledger_forgets_files_that_are_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let (path, folders) = (folder.path().join("a"), [folder.path().join("cache")]);
        fs::write(&path, "abc").unwrap();
        let check = |known: usize, expected: usize| {
            let mut ledger = DigestLedger::read(&[]);
            ledger.folders = folders.to_vec();
            ledger.known = (0..known).map(|number| number.to_string()).collect();
            assert!(ledger.matches(&path, ABC).unwrap());
            ledger.save().unwrap();
            assert_eq!(DigestLedger::read(&folders).known.len(), expected);
        };
        check(MANY, MANY + 1);
        check(MANY + 1, 1);
    }

    #[test]
    fn a_ledger_that_cannot_be_read_or_written_is_no_error_of_a_comparison() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "abc").unwrap();
        let nowhere = [PathBuf::from("/dev/null/cache")];
        let mut ledger = DigestLedger::read(&nowhere);
        assert!(ledger.matches(&path, ABC).unwrap());
        assert!(ledger.save().is_err());
        let second = [nowhere[0].clone(), folder.path().join("second")];
        fs::create_dir(&second[1]).unwrap();
        fs::write(second[1].join(NAME), b"\xff\nno entry\n").unwrap();
        assert!(matches(&second, &path));
        assert_eq!(DigestLedger::read(&second).known.len(), 1);
        fs::remove_file(&path).unwrap();
        assert!(DigestLedger::read(&second).matches(&path, ABC).is_err());
    }
}
