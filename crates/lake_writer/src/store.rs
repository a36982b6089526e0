use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::ports::{
    BillFiles, BillLayout, BundleReport, ImportReport, LakeContent, MaintenanceReport, RetentionRule,
    RunWriter, ScopeOutcome, ScopeReport, SignatureCheck, Store, StoreError, TextOpener, VerificationReport,
};
use catalog::{Dataset, dataset};
use domain::Timestamp;

use crate::files;
use crate::run::LakeRun;
use crate::{LakeWriter, billing, bundle, compact, forget, log, removal, retention, spot_history};
use lake::LakeError;
use lake::PinnedManifest;

/// A lake in a folder, behind the collector's port.
#[derive(Debug, Clone)]
pub struct LakeStore {
    root: PathBuf,
    tool_version: &'static str,
}

impl LakeStore {
    /// Returns the lake in that folder, which need not exist yet. `tool_version` is stored in each
    /// manifest and run.
    pub fn new(root: PathBuf, tool_version: &'static str) -> LakeStore {
        LakeStore { root, tool_version }
    }

    /// Opens a run under the writer's lock. None when a run with that id is visible already.
    pub(crate) fn open_run(&self, run_id: &str) -> Result<Option<LakeRun>, StoreError> {
        let writer = LakeWriter::open(&self.root)?;
        if log::reported_rows(&self.root, writer.manifest(), run_id, "")?.is_some() {
            return Ok(None);
        }
        Ok(Some(LakeRun::new(writer, run_id, self.tool_version)))
    }
}

/// Returns one report for each region, because the scope of spot prices is the region.
fn region_reports(
    paths: &[PathBuf],
    regions: &BTreeMap<String, spot_history::SpotHistorySummary>,
) -> Result<Vec<ScopeReport>, StoreError> {
    let names: Vec<String> = paths.iter().map(|path| file_name(path)).collect();
    let of_region = |(region, told): (&String, &spot_history::SpotHistorySummary)| {
        let gaps = told.gaps();
        Ok(ScopeReport {
            dataset: known("spot_price"),
            scope: region.clone(),
            source: names.join(", "),
            version: None,
            observed_from: instant(told.from)?,
            observed_at: instant(told.until)?,
            outcome: if gaps.is_empty() { ScopeOutcome::Complete } else { ScopeOutcome::Partial },
            rows: told.rows,
            gaps: gaps.into_iter().map(Into::into).collect(),
        })
    };
    regions.iter().map(of_region).collect()
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
    ) -> Result<ImportReport, StoreError> {
        let (run_id, paths) = self.identify("spot-history", paths)?;
        // Checked before any write: a file that cannot be read leaves no lake behind.
        if let Some(pinned) = PinnedManifest::newest(&self.root)?
            && log::reported_rows(&self.root, &pinned.manifest, &run_id, "spot_price")?.is_some()
        {
            return Ok(ImportReport::already_imported("spot_price", Some(pinned.manifest.number)));
        }
        let mut run = LakeRun::without_lock(&self.root, &run_id, self.tool_version);
        let regions = spot_history::read_all(&paths, &mut |frame| match dry_run {
            true => Ok(()),
            false => run.add_frame(known("spot_price"), frame),
        })?;
        let told = region_reports(&paths, &regions)?;
        if dry_run {
            return Ok(ImportReport::dry_run("spot_price", told));
        }
        for told in &told {
            run.add_report(told.clone())?;
        }
        let committed = Box::new(run).commit(now)?;
        Ok(ImportReport::committed("spot_price", told, &committed))
    }

    fn import_bills(
        &self,
        files: &BillFiles<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<ImportReport, StoreError> {
        billing::import(self, files, now, dry_run)
    }

    fn probe_bill(&self, layout: BillLayout, path: &Path, open: TextOpener<'_>) -> Result<(), String> {
        billing::probe(layout, path, open)
    }

    fn probe_spot_history(&self, path: &Path) -> Result<(), String> {
        spot_history::probe(path).map_err(|e| e.to_string())
    }

    fn identify(&self, kind: &str, paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), StoreError> {
        let (digest, paths) = distinct(paths)?;
        Ok((format!("{kind}-{digest}"), paths))
    }

    fn manifest_with_run(&self, run_id: &str) -> Result<Option<u64>, StoreError> {
        let Some(pinned) = PinnedManifest::newest(&self.root)? else { return Ok(None) };
        let shown = log::reported_rows(&self.root, &pinned.manifest, run_id, "")?;
        Ok(shown.map(|_| pinned.manifest.number))
    }

    fn scratch(&self) -> Result<Box<dyn AsRef<Path>>, StoreError> {
        // Checks write access before anything is fetched, and clears leftovers of other writers.
        drop(LakeWriter::open(&self.root)?);
        Ok(Box::new(files::incoming_folder(&self.root, "import")?))
    }

    fn begin(&self, run_id: &str) -> Result<Option<Box<dyn RunWriter + '_>>, StoreError> {
        Ok(self.open_run(run_id)?.map(|run| Box::new(run) as Box<dyn RunWriter>))
    }

    fn read_content(&self) -> Result<Option<LakeContent>, StoreError> {
        Ok(PinnedManifest::newest(&self.root)?.map(|pinned| log::read_contents(&pinned)).transpose()?)
    }

    fn root(&self) -> PathBuf {
        self.root.clone()
    }

    fn compact(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        Ok(compact::compact(&self.root, self.tool_version, now, dry_run)?)
    }

    fn prune(
        &self,
        keep: RetentionRule,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError> {
        Ok(retention::prune(&self.root, keep, self.tool_version, now, dry_run)?)
    }

    fn pack(
        &self,
        to: &Path,
        seal: &dyn Fn(&[u8]) -> String,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<Option<BundleReport>, StoreError> {
        Ok(bundle::pack(&self.root, to, seal, self.tool_version, now, dry_run)?)
    }

    fn unpack(
        &self,
        from: &Path,
        verify: SignatureCheck<'_>,
        now: Timestamp,
        dry_run: bool,
    ) -> Result<BundleReport, StoreError> {
        Ok(bundle::unpack(&self.root, from, verify, self.tool_version, now, dry_run)?)
    }

    fn drop_runs(
        &self,
        runs: &[String],
        now: Timestamp,
        dry_run: bool,
    ) -> Result<MaintenanceReport, StoreError> {
        Ok(removal::drop_runs(&self.root, runs, self.tool_version, now, dry_run)?)
    }

    fn drop_damaged(&self, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        Ok(removal::drop_damaged(&self.root, self.tool_version, now, dry_run)?)
    }

    fn verify(&self) -> Result<Option<VerificationReport>, StoreError> {
        Ok(removal::verify(&self.root)?)
    }

    fn forget(&self, account: &str, now: Timestamp, dry_run: bool) -> Result<MaintenanceReport, StoreError> {
        Ok(forget::forget(&self.root, account, self.tool_version, now, dry_run)?)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the digest of all contents, and the files, each content once. The digest does not depend
/// on the order of the files, so the same files are recognised again.
fn distinct(paths: &[PathBuf]) -> Result<(String, Vec<PathBuf>), LakeError> {
    let mut files: Vec<(String, PathBuf)> = paths
        .iter()
        .map(|path| Ok((files::content(path)?.1, path.clone())))
        .collect::<Result<_, LakeError>>()?;
    files.sort();
    files.dedup_by(|one, other| one.0 == other.0);
    let (contents, paths): (Vec<String>, Vec<PathBuf>) = files.into_iter().unzip();
    Ok((lake::digest(contents.concat().as_bytes()), paths))
}
