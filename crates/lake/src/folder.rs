//! The lake's folder: file names, and the list of its files.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use catalog::ports::{AskError, StoreError};
use catalog::{FORMAT, Manifest};
use sha2::{Digest, Sha256};

/// The reason why a lake cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// Written by a newer version.
    #[error("the lake at {path} has format {found}, and this version knows up to {FORMAT}")]
    Newer {
        /// The lake.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The folder is not a lake, or rows do not fit: one sentence.
    #[error("{0}")]
    Unusable(String),
    /// A file from outside has unexpected content: one sentence.
    #[error("{0}")]
    BadFile(String),
    /// The list of the lake's files is damaged.
    #[error("the lake at {lake} is damaged: {reason}")]
    DamagedLake {
        /// The lake.
        lake: PathBuf,
        /// A lowercase fragment.
        reason: String,
    },
    /// A file of the lake differs from the manifest's description.
    #[error("{} is damaged: {reason}", .lake.join(.file).display())]
    DamagedFile {
        /// The lake.
        lake: PathBuf,
        /// The file's path in the lake.
        file: String,
        /// A lowercase fragment.
        reason: String,
    },
    /// Another process holds the writer's lock.
    #[error("{path} is being written by {by}")]
    Locked {
        /// The lake.
        path: PathBuf,
        /// The other process, its machine and its command, as far as they are known.
        by: String,
    },
    /// The file system returned an error.
    #[error("{path}: {reason}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error's text.
        reason: String,
    },
}

impl LakeError {
    /// Wraps the file system's error for a path.
    pub fn io(path: &Path, error: io::Error) -> LakeError {
        LakeError::Io { path: path.to_path_buf(), reason: error.to_string() }
    }
}

impl From<LakeError> for AskError {
    fn from(error: LakeError) -> AskError {
        match error {
            LakeError::Newer { path, found } => AskError::Newer { path, found, known: FORMAT },
            LakeError::DamagedLake { lake, reason } => AskError::DamagedLake { lake, reason },
            LakeError::DamagedFile { lake, file, reason } => AskError::DamagedFile { lake, file, reason },
            other => AskError::Lake(other.to_string()),
        }
    }
}

impl From<LakeError> for StoreError {
    fn from(error: LakeError) -> StoreError {
        match error {
            LakeError::Newer { path, found } => StoreError::Newer { path, found, known: FORMAT },
            LakeError::Locked { path, by } => StoreError::Locked { path, by },
            LakeError::Unusable(text) => StoreError::Foreign(text),
            LakeError::BadFile(text) => StoreError::BadFile(text),
            LakeError::DamagedLake { lake, reason } => StoreError::DamagedLake { lake, reason },
            LakeError::DamagedFile { lake, file, reason } => StoreError::DamagedFile { lake, file, reason },
            other @ LakeError::Io { .. } => StoreError::Io(other.to_string()),
        }
    }
}

/// The lock file of the writer.
pub const LOCK: &str = "writer.lock";

/// Returns the path of CURRENT.
pub fn current_path(root: &Path) -> PathBuf {
    root.join("CURRENT")
}

/// Returns the path of a manifest.
pub fn manifest_path(root: &Path, number: u64) -> PathBuf {
    root.join("manifest").join(format!("{number}.json"))
}

/// Returns the number of the newest manifest. None when the folder is empty or missing.
///
/// Errors: the folder is not a lake, or its CURRENT cannot be read.
pub fn current(root: &Path) -> Result<Option<u64>, LakeError> {
    match durable::read_text(&current_path(root), LONGEST_CURRENT) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| damaged(root, "its CURRENT names no manifest")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => no_current(root),
        Err(error) => Err(damaged(root, &format!("its CURRENT cannot be read ({error})"))),
    }
}

/// The largest CURRENT, in bytes: a number and a line end.
const LONGEST_CURRENT: u64 = 64;

/// The largest manifest, in bytes: a million files.
const LONGEST_MANIFEST: u64 = 512 << 20;

fn no_current(root: &Path) -> Result<Option<u64>, LakeError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LakeError::io(root, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(|e| LakeError::io(root, e))?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    // A first run makes the lock first. Without it, `lake` may be a folder of another program.
    let begun = names.iter().any(|name| name == LOCK);
    match names.iter().find(|name| !begun || !is_ours(name)) {
        None => Ok(None),
        Some(name) => {
            let text = format!("{} is not a lake: it holds {name} and no CURRENT", root.display());
            Err(LakeError::Unusable(text))
        }
    }
}

fn is_ours(name: &str) -> bool {
    [LOCK, "manifest", "lake", "warehouse"].contains(&name) || name.starts_with(".CURRENT.")
}

fn damaged(root: &Path, reason: &str) -> LakeError {
    LakeError::DamagedLake { lake: root.to_path_buf(), reason: reason.into() }
}

/// Opens the file of a manifest. None when it does not exist.
pub fn open_manifest(root: &Path, number: u64) -> Result<Option<File>, LakeError> {
    match durable::open_regular(&manifest_path(root, number)) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(damaged(root, &format!("its manifest {number} cannot be read ({error})"))),
    }
}

/// Reads manifest `number` from its open file. The format is checked before the rest, which a newer
/// version may have changed.
///
/// Errors: a newer version wrote it, or it is damaged; see [`Manifest::check`].
pub fn read_manifest(root: &Path, number: u64, file: &mut File) -> Result<Manifest, LakeError> {
    #[derive(serde::Deserialize)]
    struct ManifestHeader {
        format: u32,
    }
    let unreadable = |error: &dyn std::fmt::Display| {
        damaged(root, &format!("its manifest {number} cannot be read ({error})"))
    };
    let text = durable::read_bounded(file, LONGEST_MANIFEST).map_err(|e| unreadable(&e))?;
    let head: ManifestHeader = serde_json::from_slice(&text).map_err(|e| unreadable(&e))?;
    if head.format > FORMAT {
        return Err(LakeError::Newer { path: root.to_path_buf(), found: head.format });
    }
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| unreadable(&e))?;
    manifest.check(number).map_err(|reason| damaged(root, &reason))?;
    Ok(manifest)
}

/// Returns the SHA-256 of some bytes in lowercase hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    domain::hex(Sha256::digest(bytes))
}

/// Returns the first 16 hex digits of the bytes' SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    sha256(bytes)[..16].to_string()
}
