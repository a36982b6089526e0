//! The launch journal: one file for each launch, synced before any request is sent.

#![allow(clippy::disallowed_methods, reason = "the journal is a folder of files")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use console::{Failure, FailureKind};
use durable::{FileLock, LockError, PRIVATE};
use fleet::launch::LaunchRecord;

/// The launches of this user, under a lock: while it is open, no other spawn process can continue
/// one.
pub(crate) struct LaunchJournal {
    folder: PathBuf,
    _lock: FileLock,
}

impl LaunchJournal {
    pub(crate) fn open(folder: &Path) -> Result<LaunchJournal, Failure> {
        let failed =
            |error: io::Error| Failure::broken(format!("{} cannot be used: {error}", folder.display()));
        durable::create_private_folder(folder).map_err(failed)?;
        match FileLock::try_exclusive(&folder.join("lock")) {
            Ok(lock) => Ok(LaunchJournal { folder: folder.to_path_buf(), _lock: lock }),
            Err(LockError::Taken(_)) => {
                Err(Failure::broken("another spawn launch is under way").hint("wait for it, or stop it"))
            }
            Err(LockError::Io(error)) => Err(failed(error)),
        }
    }

    /// Writes a launch. It is synced to disk when this returns.
    pub(crate) fn save(&self, launch: &LaunchRecord) -> Result<(), Failure> {
        let file = self.folder.join(format!("{}.json", launch.id));
        let text = serde_json::to_string_pretty(launch).expect("a launch is plain JSON");
        durable::write_atomic(&file, format!("{text}\n").as_bytes(), PRIVATE)
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
