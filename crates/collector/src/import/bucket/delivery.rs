//! One delivery of a bill: its files, and their transfer to this machine.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use catalog::ports::{BillLayout, Bucket, Object, Source, SourceError, Stop};
use console::{Failure, Progress};
use domain::Timestamp;
use feeds::Role;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::failure;
use super::found::{Bill, Files};

/// Limit of a manifest's size, bytes. Real ones have some hundred KB.
const LARGEST_MANIFEST: u64 = 32 << 20;

/// Longest time from the last file of a delivery to its manifest.
const UNDER_WAY: &str = "1h";

/// Bytes per read.
const PIECE: usize = 1 << 20;

/// A delivery with all of its files.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) files: Vec<Object>,
    pub(super) account: Option<String>,
    /// The layout that its manifest states.
    pub(super) layout: Option<BillLayout>,
    /// The time at which it was made.
    pub(super) made_at: Timestamp,
}

/// The reason why a bill is not imported.
pub(super) enum Missing {
    /// It has this layout, and another one was requested.
    Other(BillLayout),
    /// It cannot be read; other bills can.
    Gap {
        why: String,
        /// The bill's account, if its manifest states it.
        account: Option<String>,
    },
    /// No further bill can be read.
    All(Failure),
}

impl Missing {
    pub(super) fn gap(why: impl Into<String>) -> Missing {
        Missing::Gap { why: why.into(), account: None }
    }

    /// Adds the account to a gap.
    pub(super) fn owned(self, by: &Option<String>) -> Missing {
        match self {
            Missing::Gap { why, .. } => Missing::Gap { why, account: by.clone() },
            other => other,
        }
    }

    fn of(error: SourceError) -> Missing {
        match error {
            SourceError::Failed(why) => Missing::gap(why),
            other => Missing::All(failure(other)),
        }
    }
}

/// A bucket that is being read.
pub(super) struct Shelf<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) bucket: Bucket<'a>,
    pub(super) address: &'a Address,
    pub(super) stop: &'a Stop,
    /// The objects under the address, by key.
    pub(super) listed: HashMap<&'a str, &'a Object>,
    pub(super) now: Timestamp,
}

impl Shelf<'_> {
    /// Returns the files of a bill in their present state. Fails if its manifest states another
    /// layout than `wanted`.
    pub(super) fn delivery(&self, bill: &Bill, wanted: Option<BillLayout>) -> Result<Delivery, Missing> {
        let manifest = match &bill.files {
            Files::These(files) => {
                check(files.iter().map(|file| file.key.as_str())).map_err(Missing::gap)?;
                let made_at = files.iter().map(|file| file.modified).max().unwrap_or_default();
                return Ok(Delivery { files: files.clone(), account: None, layout: None, made_at });
            }
            Files::Named(manifest) => manifest,
        };
        let feeds::Delivery { account, layout, keys } = self.manifest(manifest)?;
        if let Some(found) = layout.filter(|found| wanted.is_some_and(|wanted| wanted != *found)) {
            return Err(Missing::Other(found));
        }
        let files = self.named(&keys, manifest).map_err(|missing| missing.owned(&account))?;
        Ok(Delivery { files, account, layout, made_at: manifest.modified })
    }

    /// Returns the files that a manifest names.
    fn named(&self, keys: &[String], manifest: &Object) -> Result<Vec<Object>, Missing> {
        if keys.is_empty() {
            return Err(Missing::gap(format!("{} names no files", manifest.key)));
        }
        check(keys.iter().map(String::as_str)).map_err(Missing::gap)?;
        let files: Vec<Object> =
            keys.iter().map(|key| self.object(key, manifest)).collect::<Result<_, Missing>>()?;
        match files.iter().find(|file| self.is_under_way(file, manifest)) {
            Some(file) => Err(Missing::gap(format!(
                "{} is newer than the manifest that names it: a delivery is under way, import it again in an hour",
                file.key
            ))),
            None => Ok(files),
        }
    }

    /// Returns whether a file was overwritten within the last hour and after its manifest, so that
    /// other files and the new manifest are still to come. An older file counts as complete: a copy
    /// of a bucket need not copy the manifest last.
    fn is_under_way(&self, file: &Object, manifest: &Object) -> bool {
        file.modified > manifest.modified
            && domain::before(self.now, UNDER_WAY).is_some_and(|since| file.modified > since)
    }

    fn manifest(&self, manifest: &Object) -> Result<feeds::Delivery, Missing> {
        let mut bytes = Vec::new();
        let opened = self.source.open(&self.bucket, manifest, self.stop).map_err(Missing::of)?;
        let read = opened.take(LARGEST_MANIFEST).read_to_end(&mut bytes);
        read.map_err(|error| self.broken(&manifest.key, &error))?;
        feeds::delivery(&bytes).map_err(|error| Missing::gap(format!("{}: {error}", manifest.key)))
    }

    /// Returns a file that a manifest names.
    fn object(&self, key: &str, manifest: &Object) -> Result<Object, Missing> {
        let missing = || Missing::gap(format!("{} names {key}, which does not exist", manifest.key));
        if let Some(object) = self.listed.get(key) {
            return Ok((*object).clone());
        }
        // The listing covers the address. Only files elsewhere in the bucket need another request.
        if self.address.covers(key) {
            return Err(missing());
        }
        let found = self.source.list(&self.bucket, key, self.stop).map_err(Missing::of)?;
        found.into_iter().find(|object| object.key == key).ok_or_else(missing)
    }

    fn broken(&self, key: &str, error: &io::Error) -> Missing {
        match self.stop.asked() {
            true => Missing::All(failure(SourceError::Interrupted)),
            false => Missing::gap(format!("{key}: {error}")),
        }
    }

    /// Copies the files into a folder, under their own names.
    pub(super) fn fetch(
        &self,
        delivery: &Delivery,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Vec<PathBuf>, Missing> {
        let mut fetched = Fetched { before: 0, of: delivery.bytes(), progress };
        let one = |file: &Object| {
            let path = folder.join(base(&file.key));
            self.fetch_one(file, &path, &mut fetched).map(|()| path)
        };
        delivery.files.iter().map(one).collect()
    }

    fn fetch_one(&self, file: &Object, path: &Path, fetched: &mut Fetched<'_>) -> Result<(), Missing> {
        let unwritten = |error: io::Error| {
            let why = format!("{} cannot be written: {error}", path.display());
            Missing::All(Failure::broken(why).hint("earlier months are in the lake; import the others again"))
        };
        let mut from = self.source.open(&self.bucket, file, self.stop).map_err(Missing::of)?;
        let mut to = File::create_new(path).map_err(unwritten)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece).map_err(|error| self.broken(&file.key, &error))?;
            if read == 0 {
                return Ok(());
            }
            to.write_all(&piece[..read]).map_err(unwritten)?;
            fetched.add(read, &file.key);
        }
    }
}

/// Progress of a delivery's transfer.
struct Fetched<'a> {
    before: u64,
    of: u64,
    progress: &'a Progress,
}

impl Fetched<'_> {
    fn add(&mut self, bytes: usize, key: &str) {
        self.before += bytes as u64;
        self.progress.say(format!(
            "{key}: {} of {} MB",
            self.before / 1_000_000,
            self.of.div_ceil(1_000_000)
        ));
    }
}

impl Delivery {
    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Returns a name for this state of the files, whichever bucket they are in: the SHA-256 of
    /// their keys, ETags and sizes.
    pub(super) fn version(&self) -> String {
        let mut files: Vec<&Object> = self.files.iter().collect();
        files.sort_by(|one, other| one.key.cmp(&other.key));
        let mut hasher = Sha256::new();
        for file in files {
            hasher.update(format!("{}\u{1f}{}\u{1f}{}\u{1e}", file.key, file.etag, file.bytes));
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Returns the last part of a key.
fn base(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Checks that all files can be imported and that their names differ.
fn check<'a>(keys: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for key in keys {
        if key.ends_with(".zip") {
            return Err(format!(
                "{key} is a ZIP archive, which is not supported: deliver the report as GZIP or Parquet"
            ));
        }
        if feeds::place(key).is_none_or(|place| place.role != Role::Data) {
            return Err(format!("{key} is neither CSV nor Parquet"));
        }
        if !names.insert(base(key)) {
            return Err(format!("two of its files are named {}", base(key)));
        }
    }
    Ok(())
}
