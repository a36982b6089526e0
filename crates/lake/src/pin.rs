use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog::Manifest;
use rustix::fs::{FlockOperation, flock};

use crate::folder::{self, LakeError};

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
    /// Pins the newest manifest of the lake. Returns none when the folder has no lake.
    ///
    /// Errors: the lake is newer than this version, damaged or foreign, or cannot be read.
    pub fn newest(root: &Path) -> Result<Option<PinnedManifest>, LakeError> {
        loop {
            let Some(number) = folder::current(root)? else { return Ok(None) };
            if let Some(pinned) = PinnedManifest::at(root, number)? {
                tracing::debug!("pinned manifest {number} of {}", root.display());
                return Ok(Some(pinned));
            }
            // The manifest was pruned between reading CURRENT and locking it: CURRENT has moved on.
            if folder::current(root)? == Some(number) {
                let text = format!("the lake at {} is damaged: manifest {number} is missing", root.display());
                return Err(LakeError::Unusable(text));
            }
        }
    }

    fn at(root: &Path, number: u64) -> Result<Option<PinnedManifest>, LakeError> {
        let path = folder::manifest_path(root, number);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LakeError::io(&path, error)),
        };
        flock(&file, FlockOperation::LockShared).map_err(|e| LakeError::io(&path, e.into()))?;
        // The pruner unlinks only under an exclusive lock: under this lock a linked file stays.
        let links = file.metadata().map_err(|e| LakeError::io(&path, e))?.nlink();
        if links == 0 {
            return Ok(None);
        }
        let manifest = folder::read_manifest(root, &mut file)?;
        folder::check_sizes(root, &manifest)?;
        Ok(Some(PinnedManifest { root: root.to_path_buf(), manifest, _lock: file }))
    }
}
