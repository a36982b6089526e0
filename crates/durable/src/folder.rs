//! Folders: private creation, and sync.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Creates a folder and the missing ones above it, readable by the owner alone. Existing folders
/// keep their mode.
///
/// # Errors
/// The file system's error.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Syncs a folder, so that names created or renamed in it survive a power failure.
///
/// # Errors
/// The file system's error.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The folder of a path; the current one for a bare name.
pub(crate) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn private_folders_are_closed_to_others_and_existing_ones_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
        create_private_folder(&open.join("a/b")).unwrap();
        create_private_folder(&open.join("a/b")).unwrap();
        assert_eq!((mode(&open), mode(&open.join("a")), mode(&open.join("a/b"))), (0o755, 0o700, 0o700));
    }

    #[test]
    fn the_parent_of_a_bare_name_is_the_current_folder() {
        let check = |path: &str, expected: &str| assert_eq!(parent(Path::new(path)), Path::new(expected));
        check("a.json", ".");
        check("b/a.json", "b");
        check("/a.json", "/");
    }
}
