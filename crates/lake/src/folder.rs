//! The lake's folder: file names, and the list of its files.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use catalog::ports::LakeDamage;
use catalog::{FORMAT, Manifest};
use sha2::{Digest, Sha256};

use crate::error::LakeError;
use crate::verify;

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
    // The first commit alone makes a manifest before there is a CURRENT.
    if begun && manifest_numbers(root).last().is_some_and(|newest| *newest > 1) {
        return Err(damaged(root, "its CURRENT is missing"));
    }
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

/// Returns the error of a lake whose list of files cannot be used.
pub(crate) fn damaged(root: &Path, reason: &str) -> LakeError {
    let intact = || {
        manifest_numbers(root).into_iter().rev().find(|number| {
            let opened = durable::open_regular(&manifest_path(root, *number));
            let manifest = opened.map_err(|e| e.to_string()).and_then(|file| parse(file, *number));
            manifest.is_ok_and(|manifest| verify::check_sizes(root, &manifest.files).is_ok())
        })
    };
    LakeDamage::List { lake: root.to_path_buf(), reason: reason.into(), intact: intact() }.into()
}

/// Returns the numbers of the manifests in the folder, smallest first.
fn manifest_numbers(root: &Path) -> Vec<u64> {
    let entries = fs::read_dir(root.join("manifest")).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_suffix(".json")?.parse().ok();
    let mut numbers: Vec<u64> =
        entries.filter_map(|entry| number(&entry.file_name().to_string_lossy())).collect();
    numbers.sort_unstable();
    numbers
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
    let text = durable::read_bounded(file, LONGEST_MANIFEST);
    let unreadable = |error: &str| damaged(root, &format!("its manifest {number} cannot be read ({error})"));
    let text = text.map_err(|e| unreadable(&e.to_string()))?;
    let head: ManifestHeader = serde_json::from_slice(&text).map_err(|e| unreadable(&e.to_string()))?;
    if head.format > FORMAT {
        return Err(LakeError::Newer { path: root.to_path_buf(), found: head.format });
    }
    parse(&text[..], number).map_err(|reason| damaged(root, &reason))
}

#[derive(serde::Deserialize)]
struct ManifestHeader {
    format: u32,
}

/// Reads and checks manifest `number`. The error is a lowercase fragment.
fn parse(file: impl Read, number: u64) -> Result<Manifest, String> {
    let unreadable =
        |error: &dyn std::fmt::Display| format!("its manifest {number} cannot be read ({error})");
    let text = durable::read_bounded(file, LONGEST_MANIFEST).map_err(|e| unreadable(&e))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|e| unreadable(&e))?;
    if manifest.format > FORMAT {
        return Err(format!("its manifest {number} has a newer format"));
    }
    manifest.check(number)?;
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
