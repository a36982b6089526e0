//! Bundles: the public part of a lake as one signed file, for machines without a network.
//!
//! A bundle is a tar archive: a list of its files with their digests, the list's signature, then
//! the files. It contains no private dataset and no acceptances of quarantined prices; `public_files`
//! removes private text from the rest.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use catalog::ports::{BundleReport, SignatureCheck};
use catalog::{DataFile, DatasetKind, Manifest, dataset};
use domain::Timestamp;
use durable::DigestReader;
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use serde::{Deserialize, Serialize};

use crate::LakeWriter;
use crate::files;
use crate::log::{FOLDED, RunLog};
use crate::price_file::{PriceFile, unreadable};
use crate::public_files::{PublicFile, is_public, public_files};
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

fn bad(path: &Path, why: impl std::fmt::Display) -> LakeError {
    LakeError::Unusable(format!("{}: {why}", path.display()))
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
        for PublicFile { listed, path } in &public.files {
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
    let (dataset, version) = ("collection_run".to_string(), 1);
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
        rows: files.iter().filter(|file| file.dataset != "collection_run").map(|file| file.rows).sum(),
        kept: 0,
        bytes: 0,
        manifest: None,
    };
    if dry_run {
        opened.each(|_, entry| io::copy(entry, &mut io::sink()).map(|_| ()))?;
        return Ok(bundled);
    }
    let writer = LakeWriter::open(root)?;
    let before = writer.manifest().clone();
    let known = known(root, &before)?;
    let scratch = files::incoming_folder(root, "bundle")?;
    let run_id = format!("bundle-{}", lake::digest(&opened.text));
    let mut run = LakeRun::new(writer, &run_id, tool_version);
    opened.each_into(scratch.as_ref(), |file, path| {
        match dataset(&file.dataset).map(|dataset| (dataset, dataset.kind)) {
            Some((dataset, DatasetKind::Changes)) => {
                let prices = PriceFile::open(path)?;
                for group in 0..prices.groups() {
                    let frame = prices.read(group, 0, usize::MAX)?;
                    run.add_frame(dataset, frame).map_err(|e| bad(from, e))?;
                }
            }
            Some((dataset, _)) if dataset.name == "collection_run" => {
                let opened = File::open(path).map_err(|e| LakeError::io(path, e))?;
                let frame = ParquetReader::new(opened).finish().map_err(|e| unreadable(path, &e))?;
                let log =
                    RunLog::of(frame)?.only(|row| is_public(&row.dataset) && !known.contains(&row.run_id))?;
                if !log.rows.is_empty() {
                    let name = format!("{}{run_id}", FOLDED.trim_start_matches('/'));
                    run.adopt_log(log, &name)?;
                }
            }
            Some(_) if !known.contains(file.run()) => {
                let target = root.join(&file.path);
                let folder = target.parent().expect("a file of the lake stands in a folder");
                files::make_folder(folder)?;
                fs::rename(path, &target).map_err(|e| LakeError::io(&target, e))?;
                files::sync_folder(folder)?;
                run.adopt(WrittenFile(file.clone()));
            }
            _ => {}
        }
        Ok(())
    })?;
    drop(scratch);
    let Some(committed) = run.commit_if_new(now).map_err(|e| bad(from, e))? else {
        bundled.manifest = Some(before.number);
        return Ok(bundled);
    };
    bundled.kept = committed.rows();
    bundled.bytes = committed.bytes;
    bundled.manifest = Some(committed.manifest);
    Ok(bundled)
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
        let mut entries = archive.entries().map_err(none)?;
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
        list.files.iter().try_for_each(|file| check_place(file).map_err(|why| bad(path, why)))?;
        if list.files.last().is_none_or(|file| file.dataset != "collection_run") {
            return Err(bad(path, "it has no log of runs"));
        }
        Ok(VerifiedBundle { path: path.to_path_buf(), list, text })
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
        let mut entries = archive.entries().map_err(|e| LakeError::io(path, e))?.skip(2);
        for file in &self.list.files {
            let cut = || bad(path, format!("{} is missing: it is cut short", file.path));
            let mut entry = entries.next().ok_or_else(cut)?.map_err(|_| cut())?;
            if entry.path_bytes() != file.path.as_bytes() {
                return Err(cut());
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

fn archive(path: &Path) -> Result<tar::Archive<BufReader<File>>, LakeError> {
    let file = File::open(path).map_err(|e| LakeError::io(path, e))?;
    Ok(tar::Archive::new(BufReader::with_capacity(1 << 20, file)))
}

/// Reads a small entry of that name. None when the name differs or the entry is larger than `most`
/// bytes.
fn small<R: Read>(entry: Option<io::Result<tar::Entry<'_, R>>>, name: &str, most: u64) -> Option<Vec<u8>> {
    let entry = entry?.ok()?;
    if entry.path_bytes() != name.as_bytes() || entry.size() > most {
        return None;
    }
    let mut bytes = Vec::new();
    entry.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Checks that a file's path is one that this program would give in a lake.
fn check_place(file: &DataFile) -> Result<(), String> {
    let DataFile { path, version, .. } = file;
    let known = dataset(&file.dataset);
    let known = known.filter(|dataset| dataset.name == "collection_run" || is_public(dataset.name));
    let Some(dataset) = known else { return Err(format!("{path} is not a file of a public dataset")) };
    if *version > dataset.version {
        return Err(format!("{path} was written by a newer version of mycelium: upgrade this one"));
    }
    let rest = path.strip_prefix(&format!("lake/{}/v={version}/", dataset.name));
    let name = rest.map(|rest| match rest.split_once('/') {
        Some((family, name)) if family.starts_with("family=") && plain(family) => name,
        _ => rest,
    });
    let good = name.is_some_and(|name| name.ends_with(".parquet") && !name.starts_with('.') && plain(name));
    if good { Ok(()) } else { Err(format!("{path} is not a valid path for a file of a lake")) }
}

fn plain(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '='))
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
