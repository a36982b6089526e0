//! Removes unused manifests, files listed by none, and temporary files of dead processes.
//!
//! Only names that this program gives are removed, and no link is followed, because the folder may
//! contain other files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use catalog::{DATASETS, Manifest, PARTITIONS};

use lake::LakeError;

/// Removes manifests without a reader, then files that no manifest lists. Only the writer may call
/// it.
pub(crate) fn prune(root: &Path, newest: &Manifest) -> Result<(), LakeError> {
    let mut listed = paths(newest);
    for (number, path) in manifests(root)? {
        if number == newest.number {
            continue;
        }
        let mut file = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
        if file.try_lock().is_ok() {
            remove(&path)?;
            remove_warehouses(root, number)?;
        } else {
            listed.extend(paths(&lake::read_manifest(root, number, &mut file)?));
        }
    }
    for dataset in DATASETS {
        remove_unlisted(root, dataset.name, &listed)?;
    }
    remove_abandoned(root, ".CURRENT.")?;
    remove_abandoned(&root.join("manifest"), ".")?;
    remove_abandoned(&root.join("warehouse"), ".")
}

/// Counts the older manifests that are still there because a reader has pinned them.
pub(crate) fn older(root: &Path, newest: &Manifest) -> Result<usize, LakeError> {
    Ok(manifests(root)?.into_iter().filter(|(number, _)| *number != newest.number).count())
}

fn remove_abandoned(folder: &Path, prefix: &str) -> Result<(), LakeError> {
    durable::remove_abandoned(folder, prefix).map_err(|e| LakeError::io(folder, e))
}

fn paths(manifest: &Manifest) -> HashSet<String> {
    manifest.files.iter().map(|file| file.path.clone()).collect()
}

fn manifests(root: &Path) -> Result<Vec<(u64, PathBuf)>, LakeError> {
    let numbered = |entry: FolderEntry| {
        let number = entry.name.strip_suffix(".json")?.parse().ok()?;
        entry.kind.is_file().then_some((number, entry.path))
    };
    Ok(list_folder(root, "manifest")?.into_iter().filter_map(numbered).collect())
}

fn remove_warehouses(root: &Path, number: u64) -> Result<(), LakeError> {
    let prefix = format!("{number}-");
    for entry in list_folder(root, "warehouse")? {
        let ours = entry.name.starts_with(&prefix) && entry.name.ends_with(".duckdb");
        if ours && entry.kind.is_file() {
            remove(&entry.path)?;
        }
    }
    Ok(())
}

fn remove_unlisted(root: &Path, dataset: &str, listed: &HashSet<String>) -> Result<(), LakeError> {
    let folder = format!("lake/{dataset}");
    for version in list_folder(root, &folder)? {
        if version.name.strip_prefix("v=").is_none_or(|number| number.parse::<u32>().is_err()) {
            continue;
        }
        let folder = format!("{folder}/{}", version.name);
        for entry in list_folder(root, &folder)? {
            if entry.kind.is_dir() && PARTITIONS.iter().any(|key| entry.name.starts_with(key)) {
                remove_files(root, &format!("{folder}/{}", entry.name), listed)?;
            }
        }
        remove_files(root, &folder, listed)?;
    }
    Ok(())
}

/// Removes the unlisted Parquet files of one folder, and its temporary files of dead processes.
fn remove_files(root: &Path, folder: &str, listed: &HashSet<String>) -> Result<(), LakeError> {
    let entries = list_folder(root, folder)?;
    for entry in &entries {
        let unlisted = !listed.contains(&format!("{folder}/{}", entry.name));
        if entry.kind.is_file() && entry.name.ends_with(".parquet") && unlisted {
            remove(&entry.path)?;
        }
    }
    // Empty also when a link leads out of the lake: then nothing may be removed there.
    if entries.is_empty() { Ok(()) } else { remove_abandoned(&root.join(folder), ".") }
}

struct FolderEntry {
    name: String,
    path: PathBuf,
    /// The type of the entry itself: a link is neither a file nor a folder.
    kind: fs::FileType,
}

/// Lists a folder below the root. Empty when the folder is missing or a part of its path is a link.
fn list_folder(root: &Path, below: &str) -> Result<Vec<FolderEntry>, LakeError> {
    let mut folder = root.to_path_buf();
    for part in below.split('/') {
        folder.push(part);
        if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            return Ok(Vec::new());
        }
    }
    entries(&folder)
}

fn entries(folder: &Path) -> Result<Vec<FolderEntry>, LakeError> {
    let failed = |e| LakeError::io(folder, e);
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let one = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok(FolderEntry { name, path: entry.path(), kind: entry.file_type().map_err(failed)? })
    };
    found.map(one).collect()
}

/// Removes a file. It is not an error when another process has removed it.
fn remove(path: &Path) -> Result<(), LakeError> {
    fs::remove_file(path).or_else(ignore_missing).map_err(|e| LakeError::io(path, e))
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
