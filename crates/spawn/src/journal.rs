//! The launch journal: one file for each launch, synced before any request is sent.

#![allow(clippy::disallowed_methods, reason = "the journal is a folder of files")]

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use console::{Failure, FailureKind};
use fleet::launch::LaunchRecord;

/// The launches of this user, under a lock: while it is open, no other spawn process can continue
/// one.
pub(crate) struct LaunchJournal {
    folder: PathBuf,
    _lock: File,
}

impl LaunchJournal {
    pub(crate) fn open(folder: &Path) -> Result<LaunchJournal, Failure> {
        let failed =
            |error: io::Error| Failure::broken(format!("{} cannot be used: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(LaunchJournal { folder: folder.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::broken("another spawn launch is under way").hint("wait for it, or stop it"))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Writes a launch. It is synced to disk when this returns.
    pub(crate) fn save(&self, launch: &LaunchRecord) -> Result<(), Failure> {
        let file = self.folder.join(format!("{}.json", launch.id));
        let text = serde_json::to_string_pretty(launch).expect("a launch is plain JSON");
        write_whole(&file, &format!("{text}\n"))
            .map_err(|error| Failure::broken(format!("{} cannot be written: {error}", file.display())))
    }

    /// Returns the unfinished launches, the oldest first. A file that cannot be read is an error,
    /// because it may be one of them.
    pub(crate) fn open_launches(&self) -> Result<Vec<LaunchRecord>, Failure> {
        let bad = |file: &Path, why: String| {
            Failure::new(FailureKind::Data, format!("{} is not a launch: {why}", file.display()))
                .hint("spawn list shows whether its instance exists; then move the file away")
        };
        let mut open = Vec::new();
        let entries = fs::read_dir(&self.folder).map_err(|error| bad(&self.folder, error.to_string()))?;
        for entry in entries {
            let file = entry.map_err(|error| bad(&self.folder, error.to_string()))?.path();
            if file.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let text = fs::read_to_string(&file).map_err(|error| bad(&file, error.to_string()))?;
            let launch: LaunchRecord =
                serde_json::from_str(&text).map_err(|error| bad(&file, error.to_string()))?;
            if launch.is_open() {
                open.push(launch);
            }
        }
        open.sort_by(|a, b| (a.planned, &a.id).cmp(&(b.planned, &b.id)));
        Ok(open)
    }
}

/// Writes a file atomically: temporary name, sync, rename, sync of the folder.
pub(crate) fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(file.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    let passing = folder.join(name);
    let mut out = File::create(&passing)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&passing, file)?;
    File::open(folder)?.sync_all()
}
