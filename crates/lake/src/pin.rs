use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog::Manifest;
use rustix::fs::{FlockOperation, flock};

use crate::error::LakeError;
use crate::folder;
use crate::verify;

/// One state of a lake under a shared lock. No file of it is removed while this value lives.
#[derive(Debug)]
pub struct PinnedManifest {
    /// The lake's folder.
    pub root: PathBuf,
    /// The pinned manifest.
    pub manifest: Manifest,
    // The shared lock on the manifest's file lasts as long as the file is open.
    _lock: File,
}

impl PinnedManifest {
    /// Pins the newest manifest of the lake, and checks that its files are there. Returns none when
    /// the folder has no lake.
    ///
    /// Errors: the lake is newer than this version, damaged or foreign, or cannot be read.
    pub fn newest(root: &Path) -> Result<Option<PinnedManifest>, LakeError> {
        let Some(pinned) = PinnedManifest::newest_with_damage(root)? else { return Ok(None) };
        verify::check_sizes(root, &pinned.manifest.files)?;
        Ok(Some(pinned))
    }

    /// Like [`PinnedManifest::newest`], but the manifest's files may be damaged or missing.
    ///
    /// Errors: as there.
    pub fn newest_with_damage(root: &Path) -> Result<Option<PinnedManifest>, LakeError> {
        loop {
            let Some(number) = folder::current(root)? else { return Ok(None) };
            if let Some(pinned) = PinnedManifest::at(root, number)? {
                tracing::debug!("pinned manifest {number} of {}", root.display());
                return Ok(Some(pinned));
            }
            // The manifest was pruned between reading CURRENT and locking it: CURRENT has moved on.
            if folder::current(root)? == Some(number) {
                let reason = format!("manifest {number} is missing");
                return Err(folder::damaged(root, &reason));
            }
        }
    }

    fn at(root: &Path, number: u64) -> Result<Option<PinnedManifest>, LakeError> {
        let path = folder::manifest_path(root, number);
        let Some(mut file) = folder::open_manifest(root, number)? else { return Ok(None) };
        flock(&file, FlockOperation::LockShared).map_err(|e| LakeError::io(&path, e.into()))?;
        // The pruner unlinks only under an exclusive lock: under this lock a linked file stays.
        let links = file.metadata().map_err(|e| LakeError::io(&path, e))?.nlink();
        if links == 0 {
            return Ok(None);
        }
        let manifest = folder::read_manifest(root, number, &mut file)?;
        Ok(Some(PinnedManifest { root: root.to_path_buf(), manifest, _lock: file }))
    }
}
