use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::ports::{Imported, Store, StoreError};
use catalog::{Manifest, Page, Value, dataset};
use domain::Timestamp;
use sha2::{Digest, Sha256};

use crate::folder::{self, LakeError};
use crate::spot_history::{self, Changes};
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

    fn run_row(&self, run_id: &str, paths: &[PathBuf], changes: &Changes) -> Page {
        let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
        let instant = |micros| Timestamp::from_microsecond(micros).map_or(Value::Null, Value::Timestamp);
        let values = vec![
            run_id.into(),
            "spot_price".into(),
            "*".into(),
            names.join(", ").into(),
            instant(changes.span.0),
            instant(changes.span.1),
            "complete".into(),
            Value::Int(changes.frame.height() as i64),
            Value::List(Vec::new()),
            self.tool_version.into(),
        ];
        Page { fields: dataset("collection_run").expect("a dataset of ours").fields(), rows: vec![values] }
    }
}

impl Store for LakeStore {
    fn import_spot_history(
        &self,
        paths: &[PathBuf],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Imported, StoreError> {
        let run_id = format!("spot-history-{}", digest(paths)?);
        // Before anything is made: a file that cannot be read leaves no lake behind.
        if let Some(imported) =
            Pinned::newest(&self.root)?.and_then(|pinned| already(&pinned.manifest, &run_id))
        {
            return Ok(imported);
        }
        let changes = spot_history::changes(paths, &run_id)?;
        let mut imported = Imported {
            dataset: "spot_price",
            read: changes.read,
            kept: changes.frame.height() as u64,
            bytes: 0,
            manifest: None,
            gaps: Vec::new(),
        };
        if dry_run {
            return Ok(imported);
        }
        let mut writer = Writer::open(&self.root)?;
        if let Some(imported) = already(writer.manifest(), &run_id) {
            return Ok(imported);
        }
        let run = self.run_row(&run_id, paths, &changes);
        let data = dataset("spot_price").expect("a dataset of ours");
        let log = dataset("collection_run").expect("a dataset of ours");
        let written =
            vec![writer.write_frame(data, &run_id, changes.frame)?, writer.write(log, &run_id, &run)?];
        imported.bytes = written.iter().map(|file| file.0.bytes).sum();
        imported.manifest = Some(writer.commit(written, Vec::new(), self.tool_version, now)?);
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

/// Names an import by the bytes that went in, so that the same files are recognised.
fn digest(paths: &[PathBuf]) -> Result<String, StoreError> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    for path in paths {
        let mut file = File::open(path).map_err(|e| LakeError::io(path, e))?;
        loop {
            let read = file.read(&mut buffer).map_err(|e| LakeError::io(path, e))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
    }
    Ok(folder::hex(&hasher.finalize())[..16].to_string())
}
