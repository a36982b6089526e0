//! The launch journal: one file for each launch, synced before any request is sent.
//!
//! Each launch has a lock of its own, so that several can be under way at once, and no two programs
//! continue the same one. The lock file is removed when the launch is over.

#![allow(clippy::disallowed_methods, reason = "the journal is a folder of files")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use console::{Failure, FailureKind};
use durable::{FileLock, LockError, PRIVATE};
use fleet::instance::InstanceView;
use fleet::launch::LaunchRecord;
use lifecycle::tag;

/// The launches of this user.
pub(crate) struct LaunchJournal {
    folder: PathBuf,
}

/// The lock of one launch: while it exists, no other program continues the launch.
pub(crate) struct LaunchLock {
    path: PathBuf,
    _lock: FileLock,
}

impl LaunchJournal {
    pub(crate) fn open(folder: &Path) -> Result<LaunchJournal, Failure> {
        let journal = LaunchJournal { folder: folder.to_path_buf() };
        durable::create_private_folder(folder).map_err(|error| journal.unusable(&error))?;
        Ok(journal)
    }

    fn unusable(&self, error: &io::Error) -> Failure {
        Failure::broken(format!("{} cannot be used: {error}", self.folder.display()))
    }

    /// Takes the lock of a launch; none if another program has it. Read the launch again after
    /// that: the other program may have ended it.
    pub(crate) fn lock(&self, id: &str) -> Result<Option<LaunchLock>, Failure> {
        let path = self.folder.join(format!("{id}.lock"));
        match FileLock::try_exclusive(&path) {
            Ok(lock) => Ok(Some(LaunchLock { path, _lock: lock })),
            Err(LockError::Taken(_)) => Ok(None),
            Err(LockError::Io(error)) => Err(self.unusable(&error)),
        }
    }

    /// Releases the lock of a launch, and removes its file if the launch is over.
    pub(crate) fn release(&self, lock: LaunchLock, launch: &LaunchRecord) {
        if !launch.is_open() {
            // A file that stays is empty, and has no effect.
            let _ = fs::remove_file(&lock.path);
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
        let mut open = Vec::new();
        let entries =
            fs::read_dir(&self.folder).map_err(|error| not_a_launch(&self.folder, error.to_string()))?;
        for entry in entries {
            let file = entry.map_err(|error| not_a_launch(&self.folder, error.to_string()))?.path();
            if file.extension().is_some_and(|ending| ending == "json") {
                open.extend(Some(read(&file)?).filter(LaunchRecord::is_open));
            }
        }
        open.sort_by(|a, b| (a.planned, &a.id).cmp(&(b.planned, &b.id)));
        Ok(open)
    }

    /// Reads a launch again.
    pub(crate) fn read_again(&self, launch: &LaunchRecord) -> Result<LaunchRecord, Failure> {
        read(&self.folder.join(format!("{}.json", launch.id)))
    }
}

/// Returns the record of an instance's launch; none if another machine launched it. The tag with
/// the id of the launch is foreign text.
pub(crate) fn find_record(instance: &InstanceView, folder: &Path) -> Option<LaunchRecord> {
    let is_id = |id: &&str| id.len() <= 40 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = instance.tag(tag::LAUNCH).filter(is_id)?;
    let record = read(&folder.join(format!("{id}.json"))).ok()?;
    (record.instance() == Some(&instance.id)).then_some(record)
}

fn read(file: &Path) -> Result<LaunchRecord, Failure> {
    let text = fs::read_to_string(file).map_err(|error| not_a_launch(file, error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| not_a_launch(file, error.to_string()))
}

fn not_a_launch(file: &Path, why: String) -> Failure {
    Failure::new(FailureKind::Data, format!("{} is not a launch: {why}", file.display()))
        .hint("spawn list shows whether its instance exists; then move the file away")
}
