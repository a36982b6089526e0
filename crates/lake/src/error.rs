//! The reasons why a lake cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use catalog::FORMAT;
use catalog::ports::{AskError, LakeDamage, StoreError};

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
    /// The lake is damaged.
    #[error(transparent)]
    Damaged(#[from] LakeDamage),
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
            LakeError::Damaged(damage) => AskError::Damaged(damage),
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
            LakeError::Damaged(damage) => StoreError::Damaged(damage),
            other @ LakeError::Io { .. } => StoreError::Io(other.to_string()),
        }
    }
}
