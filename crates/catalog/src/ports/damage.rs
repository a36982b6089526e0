//! Damage of a lake.

use std::path::PathBuf;

/// The damage of a lake: its files are not those that its collector wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeDamage {
    /// The list of the lake's files cannot be used.
    #[error("the lake at {lake} is damaged: {reason}")]
    List {
        /// The lake.
        lake: PathBuf,
        /// A lowercase fragment.
        reason: String,
        /// The newest manifest that can be read and has all its files.
        intact: Option<u64>,
    },
    /// A file differs from the manifest's description.
    #[error("{} is damaged: {reason}", .lake.join(.file).display())]
    File {
        /// The lake.
        lake: PathBuf,
        /// The file's path in the lake.
        file: String,
        /// A lowercase fragment.
        reason: String,
    },
}
