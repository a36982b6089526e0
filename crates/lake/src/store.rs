use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::ports::{Imported, Store, StoreError};
use catalog::{DataFile, Dataset, Manifest, Page, Value, dataset};
use domain::Timestamp;
use sha2::{Digest, Sha256};

use crate::folder::{self, LakeError};
use crate::spot_history::{self, History, Told};
use crate::{Pinned, Writer};

/// A lake in a folder, behind the port that the collector knows.
#[derive(Debug, Clone)]
pub struct LakeStore {
    root: PathBuf,
    tool_version: &'static str,
}

impl LakeStore {
    /// The lake in that folder, which need not be there yet. `tool_version` is written beside what it stores.
    pub fn new(root: PathBuf, tool_version: &'static str) -> LakeStore {
        LakeStore { root, tool_version }
    }

    /// What is said of the import: one run a region, because a region is what a run of spot prices speaks for.
    fn runs(&self, run_id: &str, paths: &[PathBuf], history: &History) -> Page {
        let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
        let instant = |micros| Timestamp::from_microsecond(micros).map_or(Value::Null, Value::Timestamp);
        let row = |(region, told): (&String, &Told)| {
            let gaps: Vec<String> = told.gap().into_iter().collect();
            vec![
                run_id.into(),
                "spot_price".into(),
                region.as_str().into(),
                names.join(", ").into(),
                instant(told.from),
                instant(told.until),
                if gaps.is_empty() { "complete" } else { "partial" }.into(),
                Value::Int(told.rows as i64),
                gaps.into(),
                self.tool_version.into(),
            ]
        };
        Page { fields: known("collection_run").fields(), rows: history.regions.iter().map(row).collect() }
    }

    /// Reads back that the newest state shows these files.
    fn confirm(&self, number: u64, files: &[DataFile]) -> Result<(), LakeError> {
        let pinned = Pinned::newest(&self.root)?;
        let shown = pinned.is_some_and(|pinned| {
            pinned.manifest.number == number && files.iter().all(|file| pinned.manifest.files.contains(file))
        });
        if shown {
            return Ok(());
        }
        let reason = format!("manifest {number} was written, and what is read back is another one");
        Err(LakeError::Io { path: self.root.clone(), reason })
    }
}

fn known(name: &str) -> &'static Dataset {
    dataset(name).expect("a dataset of ours")
}

impl Store for LakeStore {
    fn import_spot_history(
        &self,
        paths: &[PathBuf],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Imported, StoreError> {
        let (digest, paths) = distinct(paths)?;
        let run_id = format!("spot-history-{digest}");
        // Before anything is made: a file that cannot be read leaves no lake behind.
        if let Some(imported) =
            Pinned::newest(&self.root)?.and_then(|pinned| already(&pinned.manifest, &run_id))
        {
            return Ok(imported);
        }
        let history = spot_history::history(&paths, &run_id)?;
        let rows = history.frame.height() as u64;
        let gap = |(region, told): (&String, &Told)| told.gap().map(|gap| format!("{region}: {gap}"));
        let mut imported = Imported {
            dataset: "spot_price",
            read: rows,
            kept: rows,
            bytes: 0,
            manifest: None,
            gaps: history.regions.iter().filter_map(gap).collect(),
        };
        if dry_run {
            return Ok(imported);
        }
        let mut writer = Writer::open(&self.root)?;
        if let Some(imported) = already(writer.manifest(), &run_id) {
            return Ok(imported);
        }
        let runs = self.runs(&run_id, &paths, &history);
        let written = vec![
            writer.write_frame(known("spot_price"), &run_id, history.frame)?,
            writer.write(known("collection_run"), &run_id, &runs)?,
        ];
        let files: Vec<DataFile> = written.iter().map(|file| file.0.clone()).collect();
        let number = writer.commit(written, self.tool_version, now)?;
        self.confirm(number, &files)?;
        imported.bytes = files.iter().map(|file| file.bytes).sum();
        imported.manifest = Some(number);
        Ok(imported)
    }

    fn root(&self) -> PathBuf {
        self.root.clone()
    }
}

/// The same bytes were imported before: nothing is added, and the manifest that shows them is named.
fn already(manifest: &Manifest, run_id: &str) -> Option<Imported> {
    let path = format!("/{run_id}.parquet");
    let file = manifest.files.iter().find(|f| f.dataset == "spot_price" && f.path.ends_with(&path))?;
    Some(Imported {
        dataset: "spot_price",
        read: file.rows,
        kept: 0,
        bytes: 0,
        manifest: Some(manifest.number),
        gaps: Vec::new(),
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Names an import by the bytes that go in, whatever the files' order, so that the same files are recognised;
/// and the files, each content once.
fn distinct(paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), LakeError> {
    let mut files: Vec<(String, PathBuf)> =
        paths.iter().map(|path| Ok((content(path)?, path.clone()))).collect::<Result<_, LakeError>>()?;
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    let (contents, paths): (Vec<String>, Vec<PathBuf>) = files.into_iter().unzip();
    Ok((folder::digest(contents.concat().as_bytes()), paths))
}

/// SHA-256 of a file, lowercase hex.
fn content(path: &Path) -> Result<String, LakeError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut file = File::open(path).map_err(|e| LakeError::io(path, e))?;
    loop {
        let read = file.read(&mut buffer).map_err(|e| LakeError::io(path, e))?;
        if read == 0 {
            return Ok(folder::hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}
