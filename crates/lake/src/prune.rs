//! Removes unused manifests, files listed by none, and temporary files of dead processes.
//!
//! Only names that this program gives are removed, and no link is followed, because the folder may
//! contain other files.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use catalog::{DATASETS, Manifest};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::folder::{self, LakeError};

/// Removes manifests without a reader, then files that no manifest lists. Only the writer may call
/// it.
pub(crate) fn prune(root: &Path, newest: &Manifest) -> Result<(), LakeError> {
    let mut listed = paths(newest);
    for (number, path) in manifests(root)? {
        if number == newest.number {
            continue;
        }
        let mut file = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&path)?;
            remove_warehouses(root, number)?;
        } else {
            listed.extend(paths(&folder::read_manifest(root, &mut file)?));
        }
    }
    for dataset in DATASETS {
        remove_unlisted(root, dataset.name, &listed)?;
    }
    clear_passing(root, ".CURRENT.")?;
    clear_passing(&root.join("manifest"), ".")?;
    clear_passing(&root.join("warehouse"), ".")
}

/// Counts the older manifests that are still there because a reader has pinned them.
pub(crate) fn older(root: &Path, newest: &Manifest) -> Result<usize, LakeError> {
    Ok(manifests(root)?.into_iter().filter(|(number, _)| *number != newest.number).count())
}

/// Removes temporary files and folders of dead processes from a folder: names that begin with
/// `prefix` and end in `.<pid>.tmp`, or `.<pid>.tmp.wal` for DuckDB's log. A missing folder is not
/// an error.
///
/// Errors: the file system refuses a removal.
pub fn clear_passing(folder: &Path, prefix: &str) -> Result<(), LakeError> {
    for entry in entries(folder)? {
        if entry.name.starts_with(prefix) && writer_of(&entry.name).is_some_and(|pid| !runs(pid)) {
            if entry.kind.is_dir() {
                fs::remove_dir_all(&entry.path).or_else(gone).map_err(|e| LakeError::io(&entry.path, e))?;
            } else {
                remove(&entry.path)?;
            }
        }
    }
    Ok(())
}

/// The process id in a temporary file's name.
fn writer_of(name: &str) -> Option<i32> {
    let name = name.strip_prefix('.')?;
    let name = name.strip_suffix(".wal").unwrap_or(name).strip_suffix(".tmp")?;
    name.rsplit_once('.')?.1.parse().ok()
}

pub(crate) fn runs(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

fn paths(manifest: &Manifest) -> HashSet<String> {
    manifest.files.iter().map(|file| file.path.clone()).collect()
}

fn manifests(root: &Path) -> Result<Vec<(u64, PathBuf)>, LakeError> {
    let numbered = |entry: Entry| {
        let number = entry.name.strip_suffix(".json")?.parse().ok()?;
        entry.kind.is_file().then_some((number, entry.path))
    };
    Ok(own(root, "manifest")?.into_iter().filter_map(numbered).collect())
}

fn remove_warehouses(root: &Path, number: u64) -> Result<(), LakeError> {
    let prefix = format!("{number}-");
    for entry in own(root, "warehouse")? {
        let ours = entry.name.starts_with(&prefix) && entry.name.ends_with(".duckdb");
        if ours && entry.kind.is_file() {
            remove(&entry.path)?;
        }
    }
    Ok(())
}

fn remove_unlisted(root: &Path, dataset: &str, listed: &HashSet<String>) -> Result<(), LakeError> {
    let folder = format!("lake/{dataset}");
    for version in own(root, &folder)? {
        if version.name.strip_prefix("v=").is_none_or(|number| number.parse::<u32>().is_err()) {
            continue;
        }
        let folder = format!("{folder}/{}", version.name);
        for entry in own(root, &folder)? {
            if entry.kind.is_dir() && entry.name.starts_with("family=") {
                remove_files(root, &format!("{folder}/{}", entry.name), listed)?;
            }
        }
        remove_files(root, &folder, listed)?;
    }
    Ok(())
}

/// Removes the unlisted Parquet files of one folder, and its temporary files of dead processes.
fn remove_files(root: &Path, folder: &str, listed: &HashSet<String>) -> Result<(), LakeError> {
    let entries = own(root, folder)?;
    for entry in &entries {
        let unlisted = !listed.contains(&format!("{folder}/{}", entry.name));
        if entry.kind.is_file() && entry.name.ends_with(".parquet") && unlisted {
            remove(&entry.path)?;
        }
    }
    // Empty also when a link leads out of the lake: then nothing may be removed there.
    if entries.is_empty() { Ok(()) } else { clear_passing(&root.join(folder), ".") }
}

struct Entry {
    name: String,
    path: PathBuf,
    /// The type of the entry itself: a link is neither a file nor a folder.
    kind: fs::FileType,
}

/// Lists a folder below the root. Empty when the folder is missing or a part of its path is a link.
fn own(root: &Path, below: &str) -> Result<Vec<Entry>, LakeError> {
    let mut folder = root.to_path_buf();
    for part in below.split('/') {
        folder.push(part);
        if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
            return Ok(Vec::new());
        }
    }
    entries(&folder)
}

fn entries(folder: &Path) -> Result<Vec<Entry>, LakeError> {
    let failed = |e| LakeError::io(folder, e);
    let found = match fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let one = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok(Entry { name, path: entry.path(), kind: entry.file_type().map_err(failed)? })
    };
    found.map(one).collect()
}

/// Removes a file. It is not an error when another process has removed it.
fn remove(path: &Path) -> Result<(), LakeError> {
    fs::remove_file(path).or_else(gone).map_err(|e| LakeError::io(path, e))
}

fn gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_process_id_from_a_temporary_name() {
        let check = |name: &str, expected: Option<i32>| assert_eq!(writer_of(name), expected, "{name}");
        check(".7.json.4711.tmp", Some(4711));
        check(".0-ab.duckdb.4711.tmp.wal", Some(4711));
        check(".4711.tmp", None);
        check(".a.b.tmp", None);
        check("a.4711.tmp", None);
        check(".a.4711", None);
        assert!(runs(std::process::id() as i32) && !runs(0));
    }

    #[test]
    fn clears_only_temporary_files_of_dead_processes() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let (dead, alive) = (child.id(), std::process::id());
        let make = |name: String| fs::write(folder.path().join(&name), "").map(|()| name).unwrap();
        make(format!(".x.{dead}.tmp"));
        make(format!(".x.{dead}.tmp.wal"));
        fs::create_dir(folder.path().join(format!(".x.{dead}.0.{dead}.tmp"))).unwrap();
        let mut stay =
            [make(format!(".x.{alive}.tmp")), make("x.tmp".into()), make(format!(".y.{dead}.tmp"))];
        clear_passing(folder.path(), ".x.").unwrap();
        let mut left: Vec<String> = entries(folder.path()).unwrap().into_iter().map(|e| e.name).collect();
        left.sort();
        stay.sort();
        assert_eq!(left, stay);
        clear_passing(&folder.path().join("nowhere"), ".").unwrap();
    }
}
