//! Trust in a project's settings file, by digest.
//!
//! For each trusted file there is a marker file. Its name is the digest of the settings file's path
//! and content, and of the files that it names. A changed file is therefore not trusted any more.

#![allow(clippy::disallowed_methods, reason = "trust is a folder of marker files")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use console::{Failure, SettingsFile};
use durable::PRIVATE;
use sha2::{Digest, Sha256};

use super::file::{path_in, read_document};
use super::layer::RawValue;

/// The folder of the markers, in the folder of the user's own files.
pub(crate) const TRUST_FOLDER: &str = "trusted-projects";

/// The largest file that a settings file may name, in bytes.
const LARGEST: u64 = 1 << 20;

/// Returns whether the user trusts this content.
pub(crate) fn is_trusted(file: &SettingsFile, home: Option<&Path>, folder: &Path) -> bool {
    digest(file, home).is_ok_and(|digest| folder.join(digest).is_file())
}

/// Trusts a file, and reads the marker back.
///
/// # Errors
/// The file or a file that it names cannot be read, or the marker cannot be written.
pub(crate) fn trust_file(file: &SettingsFile, home: Option<&Path>, folder: &Path) -> Result<(), Failure> {
    let marker = folder.join(digest(file, home)?);
    let failed =
        |error: io::Error| Failure::broken(format!("{} cannot be written: {error}", marker.display()));
    durable::create_private_folder(folder).map_err(failed)?;
    let text = format!("{}\n", file.path.display());
    durable::write_atomic(&marker, text.as_bytes(), PRIVATE).map_err(failed)?;
    if !is_trusted(file, home, folder) {
        return Err(Failure::broken(format!("{} changed while it was read", file.path.display()))
            .hint("spawn config trust"));
    }
    Ok(())
}

/// Ends the trust in a file; returns whether it was trusted.
///
/// # Errors
/// The marker cannot be removed.
pub(crate) fn revoke_trust(file: &SettingsFile, home: Option<&Path>, folder: &Path) -> Result<bool, Failure> {
    let marker = folder.join(digest(file, home)?);
    match fs::remove_file(&marker) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::broken(format!("{} cannot be removed: {error}", marker.display()))),
    }
}

/// Returns the digest of a settings file's path and content, and of the files that it names.
fn digest(file: &SettingsFile, home: Option<&Path>) -> Result<String, Failure> {
    let path = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
    let mut whole = Sha256::new();
    let mut add = |bytes: &[u8]| whole.update(Sha256::digest(bytes));
    add(path.as_os_str().as_encoded_bytes());
    add(file.text.as_bytes());
    for named in named_files(file, home)? {
        let bytes = durable::read_regular(&named, LARGEST).map_err(|error| {
            Failure::usage(format!("user_data {} cannot be read: {error}", named.display()))
        })?;
        add(&bytes);
    }
    Ok(domain::hex(whole.finalize()))
}

fn named_files(file: &SettingsFile, home: Option<&Path>) -> Result<Vec<PathBuf>, Failure> {
    let document = read_document(file)?;
    let named = document.layers().filter_map(|layer| match &layer.get("user_data")?.value {
        RawValue::Text(text) => Some(path_in(&file.path, text, home)),
        RawValue::List(_) | RawValue::Pairs(_) => None,
    });
    Ok(named.collect())
}
