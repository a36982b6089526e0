//! The user data of a launch: the boothook that arms the dead-man, and the user's own part.

#![allow(clippy::disallowed_methods, reason = "the user names a file")]

use std::fs::File;
use std::path::{Path, PathBuf};

use console::Failure;
use domain::hex;
use fleet::user_data::{self, LARGEST, UserDataError};
use lifecycle::{DaemonSource, Terms, dead_man};
use sha2::{Digest, Sha256};

/// The user's own part.
pub(crate) struct OwnUserData {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl OwnUserData {
    /// Reads the file. Its content need not be text.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(path: &Path) -> Result<OwnUserData, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::usage(format!("--user-data {} cannot be read: {error}", path.display()))
                .hint("name a file for cloud-init, such as a script")
        };
        // Compression may bring a larger file below EC2's limit.
        let most = 64 * LARGEST as u64;
        let file = File::open(path).map_err(unreadable)?;
        let bytes = durable::read_bounded(file, most).map_err(unreadable)?;
        Ok(OwnUserData { path: path.to_path_buf(), bytes })
    }

    /// Returns the name and the digest, for a plan.
    pub(crate) fn describe(&self) -> String {
        format!("user data {} with SHA-256 {}", self.path.display(), hex(Sha256::digest(&self.bytes)))
    }
}

/// Returns the user data of a launch. With a source the instance gets spawnd from there.
///
/// # Errors
/// It is larger than EC2 accepts.
pub(crate) fn compose_user_data(
    terms: &Terms,
    launch: &str,
    source: Option<&DaemonSource>,
    own: Option<&OwnUserData>,
) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string(terms).expect("terms are plain JSON");
    let hook = dead_man::boothook(terms.budget + terms.dead_man_slack(), &text, launch, source);
    user_data::compose(&hook, own.map(|own| own.bytes.as_slice())).map_err(|error| match error {
        UserDataError::TooLarge { .. } => Failure::usage(format!("--user-data: {error}"))
            .hint("put the larger part into a file that your user data downloads"),
        UserDataError::Damaged(_) => Failure::usage(format!("--user-data: {error}"))
            .hint("compress the file again, or leave it as it is"),
    })
}
