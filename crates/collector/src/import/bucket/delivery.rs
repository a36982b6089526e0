//! One delivery of a bill: its files, and how they come here.

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

/// A manifest is some hundred KB; what is larger is none.
const LARGEST_MANIFEST: u64 = 32 << 20;

/// How long after the last file its manifest may come.
const UNDER_WAY: &str = "1h";

/// Bytes that are taken at once.
const PIECE: usize = 1 << 20;

/// A delivery whose files are all there.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) files: Vec<Object>,
    pub(super) account: Option<String>,
    /// As its manifest says.
    pub(super) layout: Option<BillLayout>,
    /// When it was made.
    pub(super) made_at: Timestamp,
}

/// Why a bill is not taken.
pub(super) enum Missing {
    /// It is in this layout, and another one was asked for.
    Other(BillLayout),
    /// It cannot be had; the others can.
    Gap {
        why: String,
        /// Whose bill it is, if its manifest said so.
        account: Option<String>,
    },
    /// Nothing can be had any more.
    All(Failure),
}

impl Missing {
    pub(super) fn gap(why: impl Into<String>) -> Missing {
        Missing::Gap { why: why.into(), account: None }
    }

    /// The same, of an account.
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
    /// What is listed under the address, by its keys.
    pub(super) listed: HashMap<&'a str, &'a Object>,
    pub(super) now: Timestamp,
}

impl Shelf<'_> {
    /// The files of a bill, in the state in which they are now, if it is in the layout that is wanted.
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

    /// The files that a manifest names.
    fn named(&self, keys: &[String], manifest: &Object) -> Result<Vec<Object>, Missing> {
        if keys.is_empty() {
            return Err(Missing::gap(format!("{} names no files", manifest.key)));
        }
        check(keys.iter().map(String::as_str)).map_err(Missing::gap)?;
        let files: Vec<Object> =
            keys.iter().map(|key| self.object(key, manifest)).collect::<Result<_, Missing>>()?;
        match files.iter().find(|file| self.is_under_way(file, manifest)) {
            Some(file) => Err(Missing::gap(format!(
                "{} was written after the manifest that names it: a delivery is under way, import it again in an hour",
                file.key
            ))),
            None => Ok(files),
        }
    }

    /// Whether a file was overwritten just now, and others and the manifest are still to come. What was long ago is
    /// whole: whoever copies a bucket need not copy a manifest last.
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

    /// A file that a manifest names.
    fn object(&self, key: &str, manifest: &Object) -> Result<Object, Missing> {
        let missing = || Missing::gap(format!("{} names {key}, which is not there", manifest.key));
        if let Some(object) = self.listed.get(key) {
            return Ok((*object).clone());
        }
        // Only what lies elsewhere in the bucket was not listed yet.
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

    /// Brings the files into a folder, under their own names.
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
            Missing::All(
                Failure::broken(why)
                    .hint("months that came before are in the lake; the others can be imported again"),
            )
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

/// How far the files of a delivery have come.
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

    /// The name of this state of the files, whatever bucket they are in: SHA-256 of their keys and states.
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

/// A key's last part.
fn base(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Whether all files are such as can be imported, each under its own name.
fn check<'a>(keys: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for key in keys {
        if key.ends_with(".zip") {
            return Err(format!(
                "{key} is a ZIP archive, which is not read: let the report be delivered as GZIP or Parquet"
            ));
        }
        if feeds::place(key).is_none_or(|place| place.role != Role::Data) {
            return Err(format!("{key} is neither CSV nor Parquet"));
        }
        if !names.insert(base(key)) {
            return Err(format!("two of its files are called {}", base(key)));
        }
    }
    Ok(())
}
