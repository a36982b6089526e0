use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use catalog::{DataFile, Dataset, FORMAT, Manifest, Page, RunRecord};
use domain::Timestamp;
use polars::io::parquet::write::ParquetWriter;
use polars::prelude::DataFrame;
use rustix::fs::{FlockOperation, flock};

use crate::columns;
use crate::folder::{self, LakeError};

/// Rows of a row group: large ones cost a third fewer bytes a row and a point question reads one.
const ROW_GROUP: usize = 1_000_000;

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
        for part in [root.to_path_buf(), root.join("manifest"), root.join("lake"), root.join("warehouse")] {
            folder::make_folder(&part)?;
        }
        let lock = lock(root)?;
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
                gaps: Vec::new(),
            },
        };
        let writer = Writer { root: root.to_path_buf(), manifest, _lock: lock };
        writer.prune()?;
        Ok(writer)
    }

    /// The state that is visible now; number 0 without files when nothing was ever committed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes rows of a dataset as a new file, which [`Writer::commit`] makes visible.
    pub fn write(&self, dataset: &Dataset, run_id: &str, page: &Page) -> Result<Written, LakeError> {
        let frame = columns::frame(page)
            .map_err(|e| LakeError::Unusable(format!("rows of {} do not fit: {e}", dataset.name)))?;
        self.write_frame(dataset, run_id, frame)
    }

    pub(crate) fn write_frame(
        &self,
        dataset: &Dataset,
        run_id: &str,
        frame: DataFrame,
    ) -> Result<Written, LakeError> {
        let path = format!("lake/{}/v={}/{run_id}.parquet", dataset.name, dataset.version);
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
        gaps: Vec<RunRecord>,
        tool_version: &str,
        now: Timestamp,
    ) -> Result<u64, LakeError> {
        let mut next = self.manifest.clone();
        next.format = FORMAT;
        next.number += 1;
        next.tool_version = tool_version.into();
        next.written_at = now.to_string();
        next.files.extend(written.into_iter().map(|file| file.0));
        next.gaps.extend(gaps);
        write_manifest(&self.root, &next)?;
        tracing::info!("manifest {} committed, {} files", next.number, next.files.len());
        self.manifest = next;
        self.prune()?;
        Ok(self.manifest.number)
    }

    /// Removes manifests that nobody reads any more, then the files that none lists.
    fn prune(&self) -> Result<(), LakeError> {
        let folder = self.root.join("manifest");
        let mut listed: HashSet<String> = self.paths(&self.manifest);
        for (number, path) in numbered(&folder)? {
            if number == self.manifest.number {
                continue;
            }
            let mut file = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
            let unread = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
            if unread {
                fs::remove_file(&path).map_err(|e| LakeError::io(&path, e))?;
                self.remove_warehouses(number)?;
            } else {
                listed.extend(self.paths(&folder::read_manifest(&self.root, &mut file)?));
            }
        }
        remove_unlisted(&self.root, &self.root.join("lake"), &listed)?;
        remove_passing(&folder)?;
        remove_passing(&self.root)
    }

    fn paths(&self, manifest: &Manifest) -> HashSet<String> {
        manifest.files.iter().map(|file| file.path.clone()).collect()
    }

    fn remove_warehouses(&self, number: u64) -> Result<(), LakeError> {
        let prefix = format!("{number}-");
        for path in entries(&self.root.join("warehouse"))? {
            if name(&path).starts_with(&prefix) {
                fs::remove_file(&path).map_err(|e| LakeError::io(&path, e))?;
            }
        }
        Ok(())
    }
}

/// Writes a manifest and makes it the newest one of the folder.
pub fn write_manifest(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    let mut text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
    text.push('\n');
    folder::write_whole(&folder::manifest_path(root, manifest.number), text.as_bytes())?;
    folder::write_whole(&folder::current_path(root), format!("{}\n", manifest.number).as_bytes())
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
    let path = root.join("writer.lock");
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

fn entries(folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| LakeError::io(folder, e))? {
        paths.push(entry.map_err(|e| LakeError::io(folder, e))?.path());
    }
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn numbered(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LakeError> {
    let numbered = |path: PathBuf| {
        let number = name(&path).strip_suffix(".json")?.parse().ok()?;
        Some((number, path))
    };
    Ok(entries(folder)?.into_iter().filter_map(numbered).collect())
}

fn remove_unlisted(root: &Path, folder: &Path, listed: &HashSet<String>) -> Result<(), LakeError> {
    for path in entries(folder)? {
        if path.is_dir() {
            remove_unlisted(root, &path, listed)?;
            continue;
        }
        let relative = path.strip_prefix(root).expect("found below the root").to_string_lossy().into_owned();
        if !listed.contains(&relative) {
            fs::remove_file(&path).map_err(|e| LakeError::io(&path, e))?;
        }
    }
    Ok(())
}

/// Removes the half-written files of a run that died.
fn remove_passing(folder: &Path) -> Result<(), LakeError> {
    for path in entries(folder)? {
        let name = name(&path);
        if name.starts_with('.') && name.ends_with(".tmp") {
            fs::remove_file(&path).map_err(|e| LakeError::io(&path, e))?;
        }
    }
    Ok(())
}
