//! Bundles: the public part of a lake as one signed file, for machines without a network.
//!
//! A bundle is a tar archive: a list of its files with their digests, the list's signature, then
//! the files. It contains no private dataset and no acceptances of quarantined prices;
//! `public_files` removes private text from the rest.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use catalog::ports::{BundleReport, SignatureCheck};
use catalog::{DataFile, Dataset, DatasetKind, Manifest, dataset};
use domain::Timestamp;
use durable::DigestReader;
use serde::{Deserialize, Serialize};

use crate::LakeWriter;
use crate::bundle_check::{check_place, read_checked};
use crate::files;
use crate::log::{FOLDED, RunLog};
use crate::public_files::{BundledFile, is_public, public_files};
use crate::run::LakeRun;
use crate::writer::{WrittenFile, parquet_of};
use lake::LakeError;
use lake::PinnedManifest;

/// The names of the first two entries.
const LIST: &str = "mycelium-bundle.json";
const SEAL: &str = "signature";

/// The format of a bundle. A newer one is refused.
const FORMAT: u32 = 1;

/// The largest accepted list, in bytes: enough for several hundred thousand files.
const LONGEST_LIST: u64 = 64 << 20;
const LONGEST_SEAL: u64 = 1 << 10;

/// The list of a bundle's files.
#[derive(Debug, Serialize, Deserialize)]
struct BundleList {
    format: u32,
    tool_version: String,
    made_at: String,
    /// In the order of the archive. The log of runs is last.
    files: Vec<DataFile>,
}

/// The dataset of the log of runs.
const LOG: &str = "collection_run";

fn bad(path: &Path, why: impl std::fmt::Display) -> LakeError {
    LakeError::BadFile(format!("{}: {why}", path.display()))
}

/// Packs the public part of a lake; see [`catalog::ports::Store::pack`].
pub(crate) fn pack(
    root: &Path,
    to: &Path,
    seal: &dyn Fn(&[u8]) -> String,
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<Option<BundleReport>, LakeError> {
    let Some(pinned) = PinnedManifest::newest(root)? else { return Ok(None) };
    let public = public_files(root, &pinned.manifest, to)?;
    let mut files: Vec<DataFile> = public.files.iter().map(|file| file.listed.clone()).collect();
    let mut bundled = BundleReport {
        files: files.len() as u64,
        rows: files.iter().map(|file| file.rows).sum(),
        kept: 0,
        bytes: files.iter().map(|file| file.bytes).sum(),
        manifest: Some(pinned.manifest.number),
    };
    if dry_run || files.is_empty() {
        return Ok(Some(bundled));
    }
    let log = RunLog::read(root, &pinned.manifest)?.only(|row| is_public(&row.dataset))?.public()?;
    let (log, file) = log_file(log)?;
    files.push(file);
    let list =
        BundleList { format: FORMAT, tool_version: tool_version.into(), made_at: now.to_string(), files };
    let text = serde_json::to_vec_pretty(&list).expect("a list is plain data");
    let sealed = seal(&text);
    let failed = |e| LakeError::io(to, e);
    let (bytes, _) = files::write_through(to, |out| {
        let mut archive = tar::Builder::new(out);
        append(&mut archive, LIST, text.len() as u64, &mut &text[..]).map_err(failed)?;
        append(&mut archive, SEAL, sealed.len() as u64, &mut sealed.as_bytes()).map_err(failed)?;
        for BundledFile { listed, path } in &public.files {
            let mut opened = File::open(path).map_err(|e| LakeError::io(path, e))?;
            append(&mut archive, &listed.path, listed.bytes, &mut opened).map_err(failed)?;
        }
        let of_log = list.files.last().expect("the log was added");
        append(&mut archive, &of_log.path, of_log.bytes, &mut &log[..]).map_err(failed)?;
        archive.finish().map_err(failed)
    })?;
    // Read back: a damaged lake file or a full disk must be found here, not on the target machine.
    let opened = VerifiedBundle::open(to, &|_, found| match found == sealed {
        true => Ok(()),
        false => Err("the signature read back differs from the one written".into()),
    })?;
    opened.each(|_, entry| io::copy(entry, &mut io::sink()).map(|_| ()))?;
    bundled.bytes = bytes;
    Ok(Some(bundled))
}

/// Returns the log as the bytes of a Parquet file, and its entry of the list.
fn log_file(log: RunLog) -> Result<(Vec<u8>, DataFile), LakeError> {
    let rows = log.rows.len() as u64;
    let bytes = parquet_of(log.into_frame())?;
    let path = format!("lake/collection_run/v=1{FOLDED}bundle.parquet");
    let (dataset, version) = (LOG.to_string(), 1);
    let file =
        DataFile { dataset, version, path, rows, bytes: bytes.len() as u64, sha256: lake::sha256(&bytes) };
    Ok((bytes, file))
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &str,
    bytes: u64,
    from: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, name, from)
}

/// Adds a bundle to the lake; see [`catalog::ports::Store::unpack`].
pub(crate) fn unpack(
    root: &Path,
    from: &Path,
    verify: SignatureCheck<'_>,
    tool_version: &'static str,
    now: Timestamp,
    dry_run: bool,
) -> Result<BundleReport, LakeError> {
    let opened = VerifiedBundle::open(from, verify)?;
    let files = &opened.list.files;
    let mut bundled = BundleReport {
        files: files.len() as u64 - 1,
        rows: files.iter().filter(|file| file.dataset != LOG).map(|file| file.rows).sum(),
        kept: 0,
        bytes: 0,
        manifest: None,
    };
    if dry_run {
        let scratch = files::scratch_folder("bundle")?;
        opened.each_into(scratch.as_ref(), |file, path| match known_dataset(file) {
            dataset if dataset.name == LOG => opened.read_log(file, path).map(|_| ()),
            dataset => read_checked(from, path, file, dataset, &mut |_| Ok(())),
        })?;
        return Ok(bundled);
    }
    let writer = LakeWriter::open(root)?;
    let before = writer.manifest().clone();
    let run_id = format!("bundle-{}", lake::digest(&opened.text));
    let run = LakeRun::new(writer, &run_id, tool_version);
    let committed = adopt(&opened, root, &before, run, &run_id)
        .and_then(|run| run.commit_if_new(now).map_err(|e| bad(from, e)));
    let committed = committed.inspect_err(|_| {
        // The next writer would remove the files of the failed run too.
        if let Err(error) = LakeWriter::open(root) {
            tracing::info!("the files of the failed import stay until the next run: {error}");
        }
    })?;
    let Some(committed) = committed else {
        bundled.manifest = Some(before.number);
        return Ok(bundled);
    };
    bundled.kept = committed.rows();
    bundled.bytes = committed.bytes;
    bundled.manifest = Some(committed.manifest);
    Ok(bundled)
}

/// Checks every file of a bundle and adds the unknown ones to a run.
fn adopt(
    opened: &VerifiedBundle,
    root: &Path,
    before: &Manifest,
    mut run: LakeRun,
    run_id: &str,
) -> Result<LakeRun, LakeError> {
    let from = &opened.path;
    let known = known(root, before)?;
    let scratch = files::incoming_folder(root, "bundle")?;
    opened.each_into(scratch.as_ref(), |file, path| {
        let dataset = known_dataset(file);
        if dataset.name == LOG {
            let log = opened.read_log(file, path)?;
            let log = log.only(|row| is_public(&row.dataset) && !known.contains(&row.run_id))?;
            if !log.rows.is_empty() {
                let name = format!("{}{run_id}", FOLDED.trim_start_matches('/'));
                run.adopt_log(log, &name)?;
            }
            return Ok(());
        }
        if dataset.kind == DatasetKind::Changes {
            return read_checked(from, path, file, dataset, &mut |frame| {
                run.add_frame(dataset, frame).map_err(|e| bad(from, e))
            });
        }
        read_checked(from, path, file, dataset, &mut |_| Ok(()))?;
        if !known.contains(file.run()) {
            if before.files.iter().any(|visible| visible.path == file.path) {
                return Err(bad(from, format!("{} has the name of a file in the lake", file.path)));
            }
            move_into(root, file, path)?;
            run.adopt(WrittenFile(file.clone()));
        }
        Ok(())
    })?;
    Ok(run)
}

/// Moves a checked file to its place in the lake.
fn move_into(root: &Path, file: &DataFile, from: &Path) -> Result<(), LakeError> {
    let target = root.join(&file.path);
    let folder = target.parent().expect("a file of the lake stands in a folder");
    files::make_folder(folder)?;
    fs::rename(from, &target).map_err(|e| LakeError::io(&target, e))?;
    files::sync_folder(folder)
}

/// Returns the dataset of a file whose place was checked.
fn known_dataset(file: &DataFile) -> &'static Dataset {
    dataset(&file.dataset).expect("its place was checked when the bundle was opened")
}

/// Returns the ids of the runs in the lake.
fn known(root: &Path, manifest: &Manifest) -> Result<HashSet<String>, LakeError> {
    Ok(RunLog::read(root, manifest)?.rows.into_iter().map(|row| row.run_id).collect())
}

/// A bundle whose list has a valid signature.
struct VerifiedBundle {
    path: PathBuf,
    list: BundleList,
    text: Vec<u8>,
}

impl VerifiedBundle {
    /// Reads the list and verifies its signature.
    fn open(path: &Path, verify: SignatureCheck<'_>) -> Result<VerifiedBundle, LakeError> {
        let mut archive = archive(path)?;
        let none = |_| bad(path, "it is not a bundle");
        // Raw: an entry is then a file of the length that its header states, and nothing else.
        let mut entries = archive.entries().map_err(none)?.raw(true);
        let text =
            small(entries.next(), LIST, LONGEST_LIST).ok_or_else(|| bad(path, "it is not a bundle"))?;
        let seal = small(entries.next(), SEAL, LONGEST_SEAL).ok_or_else(|| bad(path, "it is not signed"))?;
        verify(&text, &String::from_utf8_lossy(&seal)).map_err(|why| bad(path, why))?;
        let format = serde_json::from_slice::<serde_json::Value>(&text).ok();
        let format = format.and_then(|list| list["format"].as_u64());
        if format.is_some_and(|format| format > u64::from(FORMAT)) {
            return Err(bad(path, "a newer version of mycelium made it: upgrade this one"));
        }
        let list: BundleList =
            serde_json::from_slice(&text).map_err(|e| bad(path, format!("its list: {e}")))?;
        check_list(&list, archive.into_inner().get_ref()).map_err(|why| bad(path, why))?;
        Ok(VerifiedBundle { path: path.to_path_buf(), list, text })
    }

    /// Reads the log from its file at `path`, and checks that it names the run of every file. The
    /// rows of another run would never be visible.
    fn read_log(&self, file: &DataFile, path: &Path) -> Result<RunLog, LakeError> {
        let mut frames = Vec::new();
        read_checked(&self.path, path, file, known_dataset(file), &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
        let log = RunLog::of_frames(frames)?;
        let logged: HashSet<&str> = log.rows.iter().map(|row| row.run_id.as_str()).collect();
        let is_lost = |file: &&DataFile| {
            known_dataset(file).kind == DatasetKind::Snapshot && !logged.contains(file.run())
        };
        match self.list.files.iter().find(is_lost) {
            None => Ok(log),
            Some(lost) => Err(bad(&self.path, format!("{} is of a run that is not in its log", lost.path))),
        }
    }

    /// Reads the files in order and checks that each one matches the list.
    fn each(
        &self,
        mut take: impl FnMut(&DataFile, &mut dyn Read) -> io::Result<()>,
    ) -> Result<(), LakeError> {
        let path = &self.path;
        self.each_checked(|file, entry| take(file, entry).map_err(|e| LakeError::io(path, e)), |_| Ok(()))
    }

    /// Writes each file to a temporary file in `folder`, and calls `take` after its digest was
    /// checked.
    fn each_into(
        &self,
        folder: &Path,
        mut take: impl FnMut(&DataFile, &Path) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let passing = folder.join("file.parquet");
        self.each_checked(
            |_, entry| {
                files::write_through(&passing, |out| {
                    io::copy(entry, out).map(|_| ()).map_err(|e| LakeError::io(&passing, e))
                })
                .map(|_| ())
            },
            |file| take(file, &passing),
        )
    }

    fn each_checked(
        &self,
        mut read: impl FnMut(&DataFile, &mut dyn Read) -> Result<(), LakeError>,
        mut done: impl FnMut(&DataFile) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let path = &self.path;
        let mut archive = archive(path)?;
        let mut entries = archive.entries().map_err(|e| LakeError::io(path, e))?.raw(true).skip(2);
        for file in &self.list.files {
            let cut = || bad(path, format!("{} is missing: it is cut short", file.path));
            let mut entry = entries.next().ok_or_else(cut)?.map_err(|_| cut())?;
            if entry.path_bytes() != file.path.as_bytes() {
                return Err(cut());
            }
            if !entry.header().entry_type().is_file() || entry.size() != file.bytes {
                return Err(bad(path, format!("{} does not match the list", file.path)));
            }
            let mut digested = DigestReader::new(&mut entry);
            read(file, &mut digested)?;
            let found = digested.finish();
            if (found.bytes, domain::hex(found.sha256)) != (file.bytes, file.sha256.clone()) {
                return Err(bad(path, format!("{} does not match the list", file.path)));
            }
            done(file)?;
        }
        Ok(())
    }
}

/// Checks the files of a list before any of them is read. The error is a lowercase fragment.
fn check_list(list: &BundleList, bundle: &File) -> Result<(), String> {
    list.files.iter().try_for_each(check_place)?;
    let (tool_version, written_at) = (String::new(), String::new());
    let files = list.files.clone();
    Manifest { format: 1, number: 0, tool_version, written_at, files }.check(0)?;
    if list.files.last().is_none_or(|file| file.dataset != LOG) {
        return Err("it has no log of runs".into());
    }
    let length = bundle.metadata().map_err(|e| e.to_string())?.len();
    let needed: u64 = list.files.iter().map(|file| file.bytes).sum();
    if needed > length {
        return Err(format!("it has {length} bytes and lists files of {needed}: it is cut short"));
    }
    Ok(())
}

fn archive(path: &Path) -> Result<tar::Archive<BufReader<File>>, LakeError> {
    let file = durable::open_regular(path).map_err(|e| bad(path, e))?;
    Ok(tar::Archive::new(BufReader::with_capacity(1 << 20, file)))
}

/// Reads a small entry of that name. None when the name differs or the entry is larger than `most`
/// bytes.
fn small<R: Read>(entry: Option<io::Result<tar::Entry<'_, R>>>, name: &str, most: u64) -> Option<Vec<u8>> {
    let entry = entry?.ok()?;
    if entry.path_bytes() != name.as_bytes() || !entry.header().entry_type().is_file() || entry.size() > most
    {
        return None;
    }
    let mut bytes = Vec::new();
    entry.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
