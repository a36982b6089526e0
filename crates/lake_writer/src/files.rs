//! Files of the lake: written atomically, with the path in every error.

use std::io::{BufWriter, Write};
use std::path::Path;

use catalog::DataFile;
use catalog::ports::LakeDamage;
use durable::{DigestWriter, PRIVATE, TemporaryFile, TemporaryFolder};
use lake::LakeError;

/// Creates a folder and those above it, readable by the owner alone.
pub(crate) fn make_folder(path: &Path) -> Result<(), LakeError> {
    durable::create_private_folder(path).map_err(|e| LakeError::io(path, e))
}

/// Syncs a folder.
pub(crate) fn sync_folder(path: &Path) -> Result<(), LakeError> {
    durable::sync_folder(path).map_err(|e| LakeError::io(path, e))
}

/// Writes a file atomically.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    durable::write_atomic(path, bytes, PRIVATE).map_err(|e| LakeError::io(path, e))
}

/// Writes a file atomically from a writer of its format, readable by the owner alone unless it
/// replaces a file of another mode. Returns its length and its SHA-256 in
/// hexadecimal digits.
pub(crate) fn write_through(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), LakeError>,
) -> Result<(u64, String), LakeError> {
    let failed = |e| LakeError::io(path, e);
    let file = TemporaryFile::replacing(path, PRIVATE).map_err(failed)?;
    let mut out = DigestWriter::new(BufWriter::new(file));
    if let Err(error) = write(&mut out) {
        // A full disk is reported by the file system; a format's writer hides it behind a message
        // of its own.
        return Err(out.take_error().map_or(error, failed));
    }
    let (out, digest) = out.finish();
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.commit().map_err(failed)?;
    Ok((digest.bytes, domain::hex(digest.sha256)))
}

/// Returns the length and the digest of the bytes that a format's writer would write.
pub(crate) fn count_bytes(
    write: impl FnOnce(&mut dyn Write) -> Result<(), LakeError>,
) -> Result<(u64, String), LakeError> {
    let mut out = DigestWriter::new(std::io::sink());
    write(&mut out)?;
    let (_, digest) = out.finish();
    Ok((digest.bytes, domain::hex(digest.sha256)))
}

/// Reads a file of the lake into memory and checks its digest.
///
/// Errors: [`LakeDamage::File`] if it differs from the manifest or cannot be read.
pub(crate) fn verified_bytes(root: &Path, file: &DataFile) -> Result<Vec<u8>, LakeError> {
    let damaged = |reason: String| LakeDamage::File { lake: root.into(), file: file.path.clone(), reason };
    let bytes = durable::read_regular(&root.join(&file.path), file.bytes)
        .map_err(|e| damaged(format!("it cannot be read ({e})")))?;
    match lake::sha256(&bytes) == file.sha256 {
        true => Ok(bytes),
        false => Err(damaged(lake::DIFFERS.into()).into()),
    }
}

/// Returns a file's length and its SHA-256 in hexadecimal digits.
pub(crate) fn content(path: &Path) -> Result<(u64, String), LakeError> {
    let digest = durable::file_digest(path).map_err(|e| LakeError::io(path, e))?;
    Ok((digest.bytes, domain::hex(digest.sha256)))
}

/// Creates a temporary folder outside the lake.
pub(crate) fn scratch_folder(purpose: &str) -> Result<TemporaryFolder, LakeError> {
    let folder = std::env::temp_dir();
    TemporaryFolder::create(&folder.join(purpose)).map_err(|e| LakeError::io(&folder, e))
}

/// Creates a temporary folder in the lake for incoming files.
pub(crate) fn incoming_folder(root: &Path, purpose: &str) -> Result<TemporaryFolder, LakeError> {
    let manifests = root.join("manifest");
    make_folder(&manifests)?;
    TemporaryFolder::create(&manifests.join(purpose)).map_err(|e| LakeError::io(&manifests, e))
}
