use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use catalog::{DataFile, Dataset, FORMAT, Manifest, Page};
use domain::Timestamp;
use polars::io::parquet::write::ParquetWriter;
use polars::prelude::DataFrame;
use rustix::fs::{FlockOperation, flock};

use crate::folder::{self, LakeError};
use crate::{columns, prune};

/// Rows of a row group: large ones cost a third fewer bytes a row and a point question reads one.
pub(crate) const ROW_GROUP: usize = 1_000_000;

/// The one writer of a lake, as long as it lives.
#[derive(Debug)]
pub struct Writer {
    root: PathBuf,
    manifest: Manifest,
    _lock: File,
}

/// A Parquet file that is written and synced, and not yet visible.
#[derive(Debug, Clone)]
pub struct Written(pub(crate) DataFile);

impl Writer {
    /// Opens a lake for writing, making it when the folder is missing or empty, and clears away what
    /// a run that died has left.
    ///
    /// Errors: another writer holds the lock, the lake is newer, damaged or foreign, or the file
    /// system refuses.
    pub fn open(root: &Path) -> Result<Writer, LakeError> {
        // Asked first, so that nothing is made in a folder that is not ours.
        folder::current(root)?;
        folder::make_folder(root)?;
        let lock = lock(root)?;
        for part in ["manifest", "lake", "warehouse"] {
            folder::make_folder(&root.join(part))?;
        }
        let manifest = match folder::current(root)? {
            Some(number) => {
                let path = folder::manifest_path(root, number);
                let mut file = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
                folder::read_manifest(root, &mut file)?
            }
            None => Manifest {
                format: FORMAT,
                number: 0,
                tool_version: String::new(),
                written_at: String::new(),
                files: Vec::new(),
            },
        };
        let writer = Writer { root: root.to_path_buf(), manifest, _lock: lock };
        prune::prune(root, &writer.manifest)?;
        Ok(writer)
    }

    /// The lake's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The state that is visible now; number 0 without files when nothing was ever committed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where a run's file of a dataset lies, relative to the root.
    pub(crate) fn path_of(&self, dataset: &Dataset, run_id: &str) -> String {
        format!("lake/{}/v={}/{run_id}.parquet", dataset.name, dataset.version)
    }

    /// Writes rows of a dataset as a new file, which [`Writer::commit`] makes visible.
    pub fn write(&self, dataset: &Dataset, run_id: &str, page: &Page) -> Result<Written, LakeError> {
        let frame = columns::frame(page)
            .map_err(|e| LakeError::Unusable(format!("rows of {} do not fit: {e}", dataset.name)))?;
        let path = self.path_of(dataset, run_id);
        let rows = frame.height() as u64;
        let bytes = parquet(frame).map_err(|e| LakeError::Unusable(format!("{path}: {e}")))?;
        let file = self.root.join(&path);
        folder::make_folder(file.parent().expect("a file of the lake stands in a folder"))?;
        folder::write_whole(&file, &bytes)?;
        let (bytes, sha256) = (bytes.len() as u64, folder::sha256(&bytes));
        Ok(Written(DataFile {
            dataset: dataset.name.into(),
            version: dataset.version,
            path,
            rows,
            bytes,
            sha256,
        }))
    }

    /// Makes the files visible, all at once: a new manifest, then CURRENT. Returns its number.
    pub fn commit(
        &mut self,
        written: Vec<Written>,
        tool_version: &str,
        now: Timestamp,
    ) -> Result<u64, LakeError> {
        let next = self.next(written, tool_version, now);
        write_manifest(&self.root, &next)?;
        tracing::info!("manifest {} committed, {} files", next.number, next.files.len());
        self.manifest = next;
        // What was committed stands, whether or not the old can be cleared away.
        if let Err(error) = prune::prune(&self.root, &self.manifest) {
            tracing::warn!("old files could not be cleared away: {error}");
        }
        Ok(self.manifest.number)
    }

    /// The state after this commit.
    fn next(&self, written: Vec<Written>, tool_version: &str, now: Timestamp) -> Manifest {
        let mut next = self.manifest.clone();
        next.format = FORMAT;
        next.number += 1;
        next.tool_version = tool_version.into();
        next.written_at = now.to_string();
        next.files.extend(written.into_iter().map(|file| file.0));
        next
    }
}

/// Writes a manifest and makes it the newest one of the folder.
pub fn write_manifest(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    write_numbered(root, manifest)?;
    folder::write_whole(&folder::current_path(root), format!("{}\n", manifest.number).as_bytes())
}

fn write_numbered(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    let mut text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
    text.push('\n');
    folder::write_whole(&folder::manifest_path(root, manifest.number), text.as_bytes())
}

/// A page as the bytes of a Parquet file (zstd).
pub fn parquet_bytes(page: &Page) -> Result<Vec<u8>, String> {
    columns::frame(page).and_then(parquet).map_err(|e| e.to_string())
}

fn parquet(mut frame: DataFrame) -> polars::prelude::PolarsResult<Vec<u8>> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).with_row_group_size(Some(ROW_GROUP)).finish(&mut frame)?;
    Ok(bytes)
}

fn lock(root: &Path) -> Result<File, LakeError> {
    let path = root.join(folder::LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|e| LakeError::io(&path, e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(LakeError::Locked(root.to_path_buf())),
        Err(error) => Err(LakeError::io(&path, error.into())),
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
