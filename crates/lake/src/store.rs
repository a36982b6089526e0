use std::path::{Path, PathBuf};

use catalog::ports::{BillFiles, BillLayout, Imported, OpenText, Outcome, Run, Store, StoreError, Told};
use catalog::{Dataset, Manifest, dataset};
use domain::Timestamp;

use crate::folder::{self, LakeError};
use crate::run::LakeRun;
use crate::spot_history::{self, History};
use crate::{Pinned, Writer, billing};

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

    /// A run under the writer's lock; none when a run of that name is visible already.
    pub(crate) fn open_run(&self, run_id: &str) -> Result<Option<LakeRun>, StoreError> {
        let writer = Writer::open(&self.root)?;
        let run = LakeRun::new(writer, run_id, self.tool_version);
        Ok((!shows(run.manifest(), run_id)).then_some(run))
    }

    /// What is said of the import: one run a region, because a region is what a run of spot prices speaks for.
    fn tell(run: &mut LakeRun, paths: &[PathBuf], history: &History) -> Result<(), StoreError> {
        let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
        for (region, told) in &history.regions {
            let gaps = told.gaps();
            run.tell(Told {
                dataset: known("spot_price"),
                scope: region.clone(),
                source: names.join(", "),
                version: None,
                observed_from: instant(told.from)?,
                observed_at: instant(told.until)?,
                outcome: if gaps.is_empty() { Outcome::Complete } else { Outcome::Partial },
                rows: told.rows,
                gaps,
            })?;
        }
        Ok(())
    }
}

fn instant(micros: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_microsecond(micros)
        .map_err(|_| StoreError::BadFile(format!("{micros} microseconds since 1970 is not a time")))
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
        let (run_id, paths) = self.identify("spot-history", paths)?;
        // Before anything is made: a file that cannot be read leaves no lake behind.
        if let Some(imported) =
            Pinned::newest(&self.root)?.and_then(|pinned| already(&pinned.manifest, &run_id))
        {
            return Ok(imported);
        }
        let history = spot_history::history(&paths)?;
        let rows = history.frame.height() as u64;
        let gaps = |(region, told): (&String, &spot_history::Told)| {
            told.gaps().into_iter().map(|gap| format!("{region}: {gap}")).collect::<Vec<_>>()
        };
        let mut imported = Imported {
            dataset: "spot_price",
            read: rows,
            kept: rows,
            bytes: 0,
            manifest: None,
            gaps: history.regions.iter().flat_map(gaps).collect(),
        };
        if dry_run {
            return Ok(imported);
        }
        let writer = Writer::open(&self.root)?;
        if let Some(imported) = already(writer.manifest(), &run_id) {
            return Ok(imported);
        }
        let mut run = LakeRun::new(writer, &run_id, self.tool_version);
        LakeStore::tell(&mut run, &paths, &history)?;
        run.add_frame(known("spot_price"), history.frame)?;
        let committed = Box::new(run).commit(now)?;
        imported.kept = committed.rows.iter().map(|(_, rows)| rows).sum();
        imported.bytes = committed.bytes;
        imported.manifest = Some(committed.manifest);
        Ok(imported)
    }

    fn import_bills(
        &self,
        files: &BillFiles<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Imported, StoreError> {
        billing::import(self, files, now, dry_run)
    }

    fn probe_bill(&self, layout: BillLayout, path: &Path, open: OpenText<'_>) -> Result<(), String> {
        billing::probe(layout, path, open)
    }

    fn probe_spot_history(&self, path: &Path) -> Result<(), String> {
        spot_history::probe(path).map_err(|e| e.to_string())
    }

    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError> {
        let (digest, paths) = distinct(paths)?;
        Ok((format!("{kind}-{digest}"), paths))
    }

    fn shown(&self, run_id: &str) -> Result<Option<u64>, StoreError> {
        let pinned = Pinned::newest(&self.root)?;
        Ok(pinned.filter(|pinned| shows(&pinned.manifest, run_id)).map(|pinned| pinned.manifest.number))
    }

    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn Run + '_>>, StoreError> {
        Ok(self.open_run(run_id)?.map(|run| Box::new(run) as Box<dyn Run>))
    }

    fn root(&self) -> PathBuf {
        self.root.clone()
    }
}

/// Whether a run of that name is visible. Where it brought nothing new it has no file but its own log's.
fn shows(manifest: &Manifest, run_id: &str) -> bool {
    let path = format!("/{run_id}.parquet");
    manifest.files.iter().any(|file| file.path.ends_with(&path))
}

/// The same bytes were imported before: nothing is added, and the manifest that shows them is named.
fn already(manifest: &Manifest, run_id: &str) -> Option<Imported> {
    let path = format!("/{run_id}.parquet");
    let rows = manifest.files.iter().find(|f| f.dataset == "spot_price" && f.path.ends_with(&path));
    shows(manifest, run_id).then(|| Imported {
        dataset: "spot_price",
        read: rows.map_or(0, |file| file.rows),
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
    let mut files: Vec<(String, PathBuf)> = paths
        .iter()
        .map(|path| Ok((folder::content(path)?.1, path.clone())))
        .collect::<Result<_, LakeError>>()?;
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    let (contents, paths): (Vec<String>, Vec<PathBuf>) = files.into_iter().unzip();
    Ok((folder::digest(contents.concat().as_bytes()), paths))
}
