//! Compares the files of a lake with its manifest.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use catalog::ports::LakeDamage;
use catalog::{DataFile, Manifest};
use durable::DigestLedger;

use crate::error::LakeError;

fn damaged(root: &Path, file: &DataFile, reason: String) -> LakeError {
    LakeDamage::File { lake: root.to_path_buf(), file: file.path.clone(), reason }.into()
}

/// Checks that each file is inside the lake and has the size that the manifest lists. Reads no
/// file.
///
/// Errors: [`LakeDamage::File`] names the first other one.
pub fn check_sizes<'a>(root: &Path, files: impl IntoIterator<Item = &'a DataFile>) -> Result<(), LakeError> {
    let mut folders = HashMap::new();
    files.into_iter().try_for_each(|file| {
        check_size(root, file, &mut folders).map_err(|reason| damaged(root, file, reason))
    })
}

/// `folders` has the answers about the folders that were checked before.
fn check_size(root: &Path, file: &DataFile, folders: &mut HashMap<PathBuf, bool>) -> Result<(), String> {
    let path = root.join(&file.path);
    let unreadable = |e: std::io::Error| format!("it cannot be read ({e})");
    let found = fs::symlink_metadata(&path).map_err(unreadable)?;
    let folder = path.parent().unwrap_or(root);
    let has_link = match folders.get(folder) {
        Some(known) => *known,
        None => *folders.entry(folder.into()).or_insert(has_link(root, folder)),
    };
    let found = if has_link || found.is_symlink() {
        let (target, inside) =
            (path.canonicalize().map_err(unreadable)?, root.canonicalize().map_err(unreadable)?);
        if !target.starts_with(inside) {
            return Err("its path is a link that leads out of the lake".into());
        }
        fs::metadata(target).map_err(unreadable)?
    } else {
        found
    };
    match () {
        () if !found.is_file() => Err("it is not a file".into()),
        () if found.len() != file.bytes => {
            Err(format!("it has {} bytes instead of {}", found.len(), file.bytes))
        }
        () => Ok(()),
    }
}

/// Returns whether a folder between the root and this one is a link.
fn has_link(root: &Path, folder: &Path) -> bool {
    let below = folder.ancestors().take_while(|part| *part != root);
    below.into_iter().any(|part| fs::symlink_metadata(part).is_ok_and(|found| found.is_symlink()))
}

/// Checks the digests of some files of a lake. A file that was compared before and has not changed
/// since is not read again; the lake's folder `warehouse` holds that list.
///
/// Errors: [`LakeDamage::File`] names the first file that differs or cannot be read.
pub fn verify_files<'a>(root: &Path, files: impl IntoIterator<Item = &'a DataFile>) -> Result<(), LakeError> {
    let mut ledger = DigestLedger::read(&[root.join("warehouse")]);
    for file in files {
        match ledger.matches(&root.join(&file.path), &file.sha256) {
            Ok(true) => {}
            Ok(false) => return Err(damaged(root, file, DIFFERS.into())),
            Err(error) => return Err(damaged(root, file, format!("it cannot be read ({error})"))),
        }
    }
    if let Err(error) = ledger.save() {
        tracing::debug!("the list of verified files cannot be written: {error}");
    }
    Ok(())
}

/// The reason for a file with other bytes.
pub const DIFFERS: &str = "its bytes differ from its digest in the manifest";

/// Reads every listed file and returns those that are missing or damaged, with the reasons.
pub fn damaged_files(root: &Path, manifest: &Manifest) -> Vec<(DataFile, String)> {
    let mut folders = HashMap::new();
    let mut fault = |file: &DataFile| {
        let sized = check_size(root, file, &mut folders);
        sized.err().or_else(|| match durable::file_digest(&root.join(&file.path)) {
            Ok(found) if domain::hex(found.sha256) == file.sha256 => None,
            Ok(_) => Some(DIFFERS.into()),
            Err(error) => Some(format!("it cannot be read ({error})")),
        })
    };
    manifest.files.iter().filter_map(|file| Some((file.clone(), fault(file)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A lake with one file of four bytes.
    fn lake(root: &Path) -> Manifest {
        let path = "lake/zone/v=1/a.parquet";
        fs::create_dir_all(root.join("lake/zone/v=1")).unwrap();
        fs::write(root.join(path), "zone").unwrap();
        let file = DataFile {
            dataset: "zone".into(),
            version: 1,
            path: path.into(),
            rows: 1,
            bytes: 4,
            sha256: crate::sha256(b"zone"),
        };
        let (tool_version, written_at) = (String::new(), String::new());
        Manifest { format: 1, number: 1, tool_version, written_at, files: vec![file] }
    }

    #[test]
    fn a_changed_file_is_named() {
        let check = |change: &dyn Fn(&Path, &Path), size: &str, digest: &str| {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let manifest = lake(&root);
            change(&root, &root.join(&manifest.files[0].path));
            let found = [check_sizes(&root, &manifest.files), verify_files(&root, &manifest.files)];
            for (found, expected) in found.into_iter().zip([size, digest]) {
                let found = found.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
                assert!(
                    found.is_empty() || found.contains("lake/zone/v=1/a.parquet is damaged: "),
                    "{found}"
                );
            }
            assert_eq!(
                damaged_files(&root, &manifest).len(),
                usize::from(!(size.is_empty() && digest.is_empty()))
            );
        };
        check(&|_, _| (), "", "");
        check(&|_, path| fs::write(path, "zona").unwrap(), "", "its bytes differ");
        check(
            &|_, path| fs::write(path, "zones").unwrap(),
            "it has 5 bytes instead of 4",
            "its bytes differ",
        );
        check(&|_, path| fs::remove_file(path).unwrap(), "it cannot be read", "it cannot be read");
        let make_folder = |_: &Path, path: &Path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        };
        check(&make_folder, "it is not a file", "it is a folder, not a file");
        let move_out = |root: &Path, path: &Path| {
            fs::rename(path, root.join("../a")).unwrap();
            symlink(root.join("../a"), path).unwrap();
        };
        check(&move_out, "a link that leads out of the lake", "");
        let move_folder_out = |root: &Path, _: &Path| {
            fs::rename(root.join("lake/zone"), root.join("../zone")).unwrap();
            symlink(root.join("../zone"), root.join("lake/zone")).unwrap();
        };
        check(&move_folder_out, "a link that leads out of the lake", "");
        let move_inside = |root: &Path, path: &Path| {
            fs::rename(path, root.join("a")).unwrap();
            symlink(root.join("a"), path).unwrap();
        };
        check(&move_inside, "", "");
    }

    #[test]
    fn a_lake_below_a_link_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = lake(&folder.path().join("real"));
        symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
        check_sizes(&folder.path().join("link"), &manifest.files).unwrap();
    }
}
