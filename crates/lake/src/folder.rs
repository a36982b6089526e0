//! The lake's folder: file names, formats and atomic writes.

use std::fs::{self, File};
use std::io::{self, Read};
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
    /// The folder is not a lake, or the lake is damaged: one sentence.
    #[error("{0}")]
    Unusable(String),
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

/// Makes a folder and its parents, with mode 0700.
pub fn current(root: &Path) -> Result<Option<u64>, LakeError> {
    let path = current_path(root);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| damaged(root, "its CURRENT names no manifest")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => no_current(root),
        Err(error) => Err(LakeError::io(&path, error)),
    }
}

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

fn damaged(root: &Path, what: &str) -> LakeError {
    LakeError::Unusable(format!("the lake at {} is damaged: {what}", root.display()))
}

/// Reads a manifest. The format is checked before the rest, which a newer version may have changed.
pub fn read_manifest(root: &Path, file: &mut File) -> Result<Manifest, LakeError> {
    #[derive(serde::Deserialize)]
    struct ManifestHeader {
        format: u32,
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|e| LakeError::io(root, e))?;
    let head: ManifestHeader = serde_json::from_str(&text)
        .map_err(|e| damaged(root, &format!("its manifest cannot be read ({e})")))?;
    if head.format > FORMAT {
        return Err(LakeError::Newer { path: root.to_path_buf(), found: head.format });
    }
    serde_json::from_str(&text).map_err(|e| damaged(root, &format!("its manifest cannot be read ({e})")))
}

/// Fails when a file that the manifest lists is missing or has another size.
pub(crate) fn check_sizes(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    for file in &manifest.files {
        match fs::metadata(root.join(&file.path)) {
            Ok(found) if found.len() == file.bytes => {}
            Ok(found) => {
                let what = format!("{} has {} bytes instead of {}", file.path, found.len(), file.bytes);
                return Err(damaged(root, &what));
            }
            Err(error) => return Err(damaged(root, &format!("{} cannot be read ({error})", file.path))),
        }
    }
    Ok(())
}

/// Returns the paths of the listed files whose bytes differ from their digest. Reads every file.
///
/// Errors: a file cannot be read.
pub fn check_digests(root: &Path, manifest: &Manifest) -> Result<Vec<String>, LakeError> {
    let mut wrong = Vec::new();
    for file in &manifest.files {
        let path = root.join(&file.path);
        let bytes = fs::read(&path).map_err(|e| LakeError::io(&path, e))?;
        if sha256(&bytes) != file.sha256 {
            wrong.push(file.path.clone());
        }
    }
    Ok(wrong)
}

/// Returns the SHA-256 of some bytes in lowercase hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    domain::hex(Sha256::digest(bytes))
}

/// Returns the first 16 hex digits of the bytes' SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    sha256(bytes)[..16].to_string()
}
