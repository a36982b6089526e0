use std::collections::HashSet;
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::io::{Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use catalog::{DataFile, Dataset, FORMAT, Manifest, Page};
use domain::Timestamp;
use durable::{FileLock, LockError};
use polars::io::parquet::write::ParquetWriter;
use polars::prelude::{DataFrame, PolarsError, PolarsResult};

use crate::files;
use crate::prices::SpotPriceSet;
use crate::{cleanup, columns};
use lake::LakeError;
use lake::PinnedManifest;

/// Rows of a row group. Large groups take a third fewer bytes for each row, and a question about
/// one type reads one group.
pub(crate) const ROW_GROUP: usize = 1_000_000;

/// The only writer of a lake while it lives, or a dry run over it.
#[derive(Debug)]
pub struct LakeWriter {
    root: PathBuf,
    manifest: Manifest,
    access: LakeAccess,
}

/// The right to a lake's files.
#[derive(Debug)]
enum LakeAccess {
    /// The writer's lock.
    Writer(#[expect(dead_code, reason = "it is released when it is dropped")] FileLock),
    /// A dry run: files are counted and not written, and a commit changes nothing. No file is
    /// removed while it reads.
    DryRun(#[expect(dead_code, reason = "it is released when it is dropped")] PinnedManifest),
}

/// A Parquet file that is written and synced, but not visible yet.
#[derive(Debug, Clone)]
pub struct WrittenFile(pub(crate) DataFile);

impl LakeWriter {
    /// Opens a lake for writing and clears leftovers of runs that died. Makes the lake when the
    /// folder is missing or empty.
    ///
    /// Errors: another writer has the lock; the lake is newer, damaged or foreign; or the file
    /// system refuses.
    pub fn open(root: &Path) -> Result<LakeWriter, LakeError> {
        // Checked first, so that a damaged lake does not change.
        PinnedManifest::newest(root)?;
        LakeWriter::open_with_damage(root)
    }

    /// Like [`LakeWriter::open`], but files of the lake may be damaged or missing.
    pub(crate) fn open_with_damage(root: &Path) -> Result<LakeWriter, LakeError> {
        // Checked first, so that nothing is made in a folder of another program.
        lake::current(root)?;
        files::make_folder(root)?;
        let lock = lock(root)?;
        for part in ["manifest", "lake", "warehouse"] {
            files::make_folder(&root.join(part))?;
        }
        let manifest = match lake::current(root)? {
            Some(number) => {
                let mut file = lake::open_manifest(root, number)?
                    .ok_or_else(|| LakeError::io(&lake::manifest_path(root, number), NotFound.into()))?;
                lake::read_manifest(root, number, &mut file)?
            }
            None => Manifest {
                format: FORMAT,
                number: 0,
                tool_version: String::new(),
                written_at: String::new(),
                files: Vec::new(),
            },
        };
        let writer = LakeWriter { root: root.to_path_buf(), manifest, access: LakeAccess::Writer(lock) };
        cleanup::prune(root, &writer.manifest)?;
        Ok(writer)
    }

    /// Opens an existing lake for maintenance, or for a dry run of it. None when there is no lake.
    pub(crate) fn maintain(root: &Path, dry_run: bool) -> Result<Option<LakeWriter>, LakeError> {
        let Some(pinned) = PinnedManifest::newest(root)? else { return Ok(None) };
        LakeWriter::maintain_pinned(pinned, dry_run).map(Some)
    }

    /// Like [`LakeWriter::maintain`], for the lake of a pinned manifest, whose files may be damaged
    /// or missing.
    pub(crate) fn maintain_pinned(pinned: PinnedManifest, dry_run: bool) -> Result<LakeWriter, LakeError> {
        if !dry_run {
            let root = pinned.root.clone();
            // A pinned manifest could not be removed.
            drop(pinned);
            return LakeWriter::open_with_damage(&root);
        }
        let (root, manifest) = (pinned.root.clone(), pinned.manifest.clone());
        Ok(LakeWriter { root, manifest, access: LakeAccess::DryRun(pinned) })
    }

    /// Returns whether nothing is written.
    pub(crate) fn is_dry_run(&self) -> bool {
        matches!(self.access, LakeAccess::DryRun(_))
    }

    /// Returns the lake's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the visible state. It has number 0 and no files before the first commit.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The path of a dataset's file, relative to the root. `name` is its path below the dataset's
    /// folder, without `.parquet`.
    pub(crate) fn path_of(&self, dataset: &Dataset, name: &str) -> String {
        format!("lake/{}/v={}/{name}.parquet", dataset.name, dataset.version)
    }

    /// Writes rows of a dataset as a new file, which [`LakeWriter::commit`] makes visible.
    ///
    /// Errors: the rows do not fit the dataset's types, or the file system refuses.
    pub fn write(&self, dataset: &Dataset, run_id: &str, page: &Page) -> Result<WrittenFile, LakeError> {
        let frame = columns::frame(page)
            .map_err(|e| LakeError::Unusable(format!("rows of {} do not fit: {e}", dataset.name)))?;
        self.write_frame(dataset, run_id, frame)
    }

    pub(crate) fn write_frame(
        &self,
        dataset: &Dataset,
        name: &str,
        mut frame: DataFrame,
    ) -> Result<WrittenFile, LakeError> {
        let rows = frame.height() as u64;
        self.write_file(dataset, name, rows, |path, out| {
            parquet(out, &mut frame).map_err(|e| not_written(path, e))
        })
    }

    /// Writes settled observations, in row groups of `group` rows.
    pub(crate) fn write_prices(
        &self,
        dataset: &Dataset,
        name: &str,
        prices: &SpotPriceSet,
        rows: Range<usize>,
        group: usize,
    ) -> Result<WrittenFile, LakeError> {
        let schema = columns::schema(&dataset.fields());
        self.write_file(dataset, name, rows.len() as u64, |path, out| {
            let mut file = ParquetWriter::new(out).batched(&schema).map_err(|e| not_written(path, e))?;
            for start in rows.clone().step_by(group) {
                let frame = prices.frame(dataset, start..rows.end.min(start + group));
                frame.and_then(|frame| file.write_batch(&frame)).map_err(|e| not_written(path, e))?;
            }
            file.finish().map(|_| ()).map_err(|e| not_written(path, e))
        })
    }

    /// Writes a new file of a dataset. `name` is its path below the dataset's folder, without
    /// `.parquet`.
    fn write_file(
        &self,
        dataset: &Dataset,
        name: &str,
        rows: u64,
        write: impl FnOnce(&Path, &mut dyn Write) -> Result<(), LakeError>,
    ) -> Result<WrittenFile, LakeError> {
        let path = self.path_of(dataset, name);
        let file = self.root.join(&path);
        let (bytes, sha256) = if self.is_dry_run() {
            files::count_bytes(|out| write(&file, out))?
        } else {
            files::make_folder(file.parent().expect("a file of the lake stands in a folder"))?;
            files::write_through(&file, |out| write(&file, out))?
        };
        let (dataset, version) = (dataset.name.into(), dataset.version);
        Ok(WrittenFile(DataFile { dataset, version, path, rows, bytes, sha256 }))
    }

    /// Makes the files visible at once: writes a new manifest, then CURRENT. Returns the manifest's
    /// number.
    ///
    /// Errors: the file system refuses, or the manifest that is read back differs.
    pub fn commit(
        &mut self,
        written: Vec<WrittenFile>,
        tool_version: &str,
        now: Timestamp,
    ) -> Result<u64, LakeError> {
        self.replace(&[], written, tool_version, now)
    }

    /// Makes the files visible in place of others, at once. Returns the manifest's number.
    pub(crate) fn replace(
        &mut self,
        replaced: &[DataFile],
        written: Vec<WrittenFile>,
        tool_version: &str,
        now: Timestamp,
    ) -> Result<u64, LakeError> {
        let next = self.next(replaced, written, tool_version, now);
        if self.is_dry_run() {
            self.manifest = next;
            return Ok(self.manifest.number);
        }
        write_manifest(&self.root, &next)?;
        tracing::info!("manifest {} committed, {} files", next.number, next.files.len());
        self.manifest = next;
        // The commit is valid even if old files cannot be removed.
        if let Err(error) = cleanup::prune(&self.root, &self.manifest) {
            tracing::warn!("old files could not be cleared away: {error}");
        }
        self.confirm()?;
        Ok(self.manifest.number)
    }

    /// Returns the manifest after this commit.
    fn next(
        &self,
        replaced: &[DataFile],
        written: Vec<WrittenFile>,
        tool_version: &str,
        now: Timestamp,
    ) -> Manifest {
        let mut next = self.manifest.clone();
        next.format = FORMAT;
        next.number += 1;
        next.tool_version = tool_version.into();
        next.written_at = now.to_string();
        let replaced: HashSet<&str> = replaced.iter().map(|file| file.path.as_str()).collect();
        next.files.retain(|file| !replaced.contains(file.path.as_str()));
        next.files.extend(written.into_iter().map(|file| file.0));
        next
    }

    /// Reads back the newest manifest and compares it. Checks that all of its files are there.
    fn confirm(&self) -> Result<(), LakeError> {
        let shown =
            PinnedManifest::newest(&self.root)?.is_some_and(|pinned| pinned.manifest == self.manifest);
        if shown {
            return Ok(());
        }
        let number = self.manifest.number;
        let reason = format!("manifest {number} was written, but a different one was read back");
        Err(LakeError::Io { path: self.root.clone(), reason })
    }
}

/// Writes a manifest and makes it the newest one of the folder.
///
/// Errors: the file system refuses.
pub fn write_manifest(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    write_numbered(root, manifest)?;
    files::write_whole(&lake::current_path(root), format!("{}\n", manifest.number).as_bytes())
}

fn write_numbered(root: &Path, manifest: &Manifest) -> Result<(), LakeError> {
    let mut text = serde_json::to_string_pretty(manifest).expect("a manifest is plain data");
    text.push('\n');
    files::write_whole(&lake::manifest_path(root, manifest.number), text.as_bytes())
}

/// Returns a page as the bytes of a Parquet file (zstd).
///
/// Errors: a value does not fit its column's type.
pub fn parquet_bytes(page: &Page) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let written = columns::frame(page).and_then(|mut frame| parquet(&mut bytes, &mut frame));
    written.map(|()| bytes).map_err(|e| e.to_string())
}

/// Returns a frame as the bytes of a Parquet file.
pub(crate) fn parquet_of(mut frame: DataFrame) -> Result<Vec<u8>, LakeError> {
    let mut bytes = Vec::new();
    parquet(&mut bytes, &mut frame).map_err(|e| LakeError::Unusable(format!("rows do not fit: {e}")))?;
    Ok(bytes)
}

fn parquet(out: impl Write, frame: &mut DataFrame) -> PolarsResult<()> {
    ParquetWriter::new(out).with_row_group_size(Some(ROW_GROUP)).finish(frame).map(|_| ())
}

fn not_written(path: &Path, error: PolarsError) -> LakeError {
    LakeError::Unusable(format!("{} cannot be written: {error}", path.display()))
}

/// Takes the writer's lock, and writes this process's description into the lock file.
fn lock(root: &Path) -> Result<FileLock, LakeError> {
    let path = root.join(lake::LOCK);
    let failed = |e| LakeError::io(&path, e);
    let mut lock = FileLock::try_exclusive(&path).map_err(|error| match error {
        LockError::Taken(mut file) => {
            LakeError::Locked { path: root.to_path_buf(), by: lock_owner(&mut file) }
        }
        LockError::Io(error) => failed(error),
    })?;
    let file = lock.file();
    file.set_len(0).and_then(|()| file.write_all(describe_process().as_bytes())).map_err(failed)?;
    Ok(lock)
}

/// Describes this process: `process 4711 on devbox (collector import …)`.
fn describe_process() -> String {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let program = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let command = [&[program.to_string()][..], words.get(1..).unwrap_or_default()].concat().join(" ");
    let command: String = command.chars().filter(|c| !c.is_control()).take(200).collect();
    format!("process {} on {} ({command})", std::process::id(), host())
}

/// This machine's name. Several machines may share the lake's folder.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".into() } else { name.trim().into() }
}

/// Returns the lock owner's description from the lock file. A process that has just taken the lock
/// may not have written it yet. Then the text is of a dead process, and the result is "another
/// process".
fn lock_owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(1000).read_to_string(&mut text).is_ok();
    let mut words = text.split(' ');
    let pid = words.nth(1).and_then(|pid| pid.parse().ok());
    let here = words.nth(1) == Some(host().as_str());
    let runs = pid.is_some_and(|pid| !here || durable::is_running(pid));
    let plain = || text.chars().filter(|c| !c.is_control()).collect();
    if read && runs { plain() } else { "another process".into() }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
