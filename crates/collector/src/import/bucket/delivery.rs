//! One delivery of a bill: its files, and their transfer to this machine.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use catalog::ports::{BillLayout, S3Bucket, S3Object, Source, SourceError, StopFlag};
use console::{Failure, Progress};
use domain::Timestamp;
use feeds::{DeliveryRole, FeedError};
use sha2::{Digest, Sha256};

use super::address::S3Address;
use super::bills_in_bucket::{BillSource, BucketBill};
use super::failure::bucket_failure;

/// Longest time from the last file of a delivery to its manifest.
const UNDER_WAY: &str = "1h";

/// Bytes per read.
const PIECE: usize = 1 << 20;

/// A delivery with all of its files.
#[derive(Debug)]
pub(super) struct BillDelivery {
    pub(super) files: Vec<S3Object>,
    pub(super) account: Option<String>,
    /// The layout that its manifest states.
    pub(super) layout: Option<BillLayout>,
    /// The time at which it was made.
    pub(super) made_at: Timestamp,
}

/// The reason why a bill is not imported.
pub(super) enum BillImportError {
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

impl BillImportError {
    pub(super) fn gap(why: impl Into<String>) -> BillImportError {
        BillImportError::Gap { why: why.into(), account: None }
    }

    /// Adds the account to a gap.
    pub(super) fn with_account(self, by: &Option<String>) -> BillImportError {
        match self {
            BillImportError::Gap { why, .. } => BillImportError::Gap { why, account: by.clone() },
            other => other,
        }
    }

    fn of(error: SourceError) -> BillImportError {
        match error {
            SourceError::Failed(why) => BillImportError::gap(why),
            other => BillImportError::All(bucket_failure(other)),
        }
    }
}

/// A bucket that is being read.
pub(super) struct BucketReader<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) bucket: S3Bucket<'a>,
    pub(super) address: &'a S3Address,
    pub(super) stop: &'a StopFlag,
    /// The objects under the address, by key.
    pub(super) listed: HashMap<&'a str, &'a S3Object>,
    pub(super) now: Timestamp,
}

impl BucketReader<'_> {
    /// Returns the files of a bill in their present state. Fails if its manifest states another
    /// layout than `wanted`.
    pub(super) fn delivery(
        &self,
        bill: &BucketBill,
        wanted: Option<BillLayout>,
    ) -> Result<BillDelivery, BillImportError> {
        let manifest = match &bill.files {
            BillSource::These(files) => {
                check(files.iter().map(|file| file.key.as_str())).map_err(BillImportError::gap)?;
                let made_at = files.iter().map(|file| file.modified).max().unwrap_or_default();
                return Ok(BillDelivery { files: files.clone(), account: None, layout: None, made_at });
            }
            BillSource::Named(manifest) => manifest,
        };
        let feeds::BillManifest { account, layout, keys } = self.read_manifest(manifest)?;
        if let Some(found) = layout.filter(|found| wanted.is_some_and(|wanted| wanted != *found)) {
            return Err(BillImportError::Other(found));
        }
        let files = self.manifest_files(&keys, manifest).map_err(|missing| missing.with_account(&account))?;
        Ok(BillDelivery { files, account, layout, made_at: manifest.modified })
    }

    /// Returns the files that a manifest names.
    fn manifest_files(&self, keys: &[String], manifest: &S3Object) -> Result<Vec<S3Object>, BillImportError> {
        if keys.is_empty() {
            return Err(BillImportError::gap(format!("{} names no files", manifest.key)));
        }
        check(keys.iter().map(String::as_str)).map_err(BillImportError::gap)?;
        let files: Vec<S3Object> =
            keys.iter().map(|key| self.find_object(key, manifest)).collect::<Result<_, BillImportError>>()?;
        match files.iter().find(|file| self.is_under_way(file, manifest)) {
            Some(file) => Err(BillImportError::gap(format!(
                "{} is newer than the manifest that names it: a delivery is under way, import it again in an hour",
                file.key
            ))),
            None => Ok(files),
        }
    }

    /// Returns whether a file was overwritten within the last hour and after its manifest, so that
    /// other files and the new manifest are still to come. An older file counts as complete: a copy
    /// of a bucket need not copy the manifest last.
    fn is_under_way(&self, file: &S3Object, manifest: &S3Object) -> bool {
        file.modified > manifest.modified
            && domain::subtract_span(self.now, UNDER_WAY).is_some_and(|since| file.modified > since)
    }

    fn read_manifest(&self, manifest: &S3Object) -> Result<feeds::BillManifest, BillImportError> {
        let opened = self.source.open(&self.bucket, manifest, self.stop).map_err(BillImportError::of)?;
        feeds::read_manifest(opened).map_err(|error| match error {
            FeedError::Io(error) => self.read_error(&manifest.key, &error),
            error => BillImportError::gap(format!("{}: {error}", manifest.key)),
        })
    }

    /// Returns a file that a manifest names.
    fn find_object(&self, key: &str, manifest: &S3Object) -> Result<S3Object, BillImportError> {
        let missing = || BillImportError::gap(format!("{} names {key}, which does not exist", manifest.key));
        if let Some(object) = self.listed.get(key) {
            return Ok((*object).clone());
        }
        // The listing covers the address. Only files elsewhere in the bucket need another request.
        if self.address.covers(key) {
            return Err(missing());
        }
        let found = self.source.list(&self.bucket, key, self.stop).map_err(BillImportError::of)?;
        found.into_iter().find(|object| object.key == key).ok_or_else(missing)
    }

    fn read_error(&self, key: &str, error: &io::Error) -> BillImportError {
        match self.stop.is_requested() {
            true => BillImportError::All(bucket_failure(SourceError::Interrupted)),
            false => BillImportError::gap(format!("{key}: {error}")),
        }
    }

    /// Copies the files into a folder, under their own names.
    pub(super) fn fetch(
        &self,
        delivery: &BillDelivery,
        folder: &Path,
        progress: &Progress,
    ) -> Result<Vec<PathBuf>, BillImportError> {
        let mut fetched = TransferProgress { before: 0, of: delivery.bytes(), progress };
        let one = |file: &S3Object| {
            let path = folder.join(base(&file.key));
            self.fetch_one(file, &path, &mut fetched).map(|()| path)
        };
        delivery.files.iter().map(one).collect()
    }

    fn fetch_one(
        &self,
        file: &S3Object,
        path: &Path,
        fetched: &mut TransferProgress<'_>,
    ) -> Result<(), BillImportError> {
        let unwritten = |error: io::Error| {
            let why = format!("{} cannot be written: {error}", path.display());
            BillImportError::All(
                Failure::broken(why).hint("earlier months are in the lake; import the others again"),
            )
        };
        let mut from = self.source.open(&self.bucket, file, self.stop).map_err(BillImportError::of)?;
        let mut to = File::create_new(path).map_err(unwritten)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = from.read(&mut piece).map_err(|error| self.read_error(&file.key, &error))?;
            if read == 0 {
                return Ok(());
            }
            to.write_all(&piece[..read]).map_err(unwritten)?;
            fetched.add(read, &file.key);
        }
    }
}

/// Progress of a delivery's transfer.
struct TransferProgress<'a> {
    before: u64,
    of: u64,
    progress: &'a Progress,
}

impl TransferProgress<'_> {
    fn add(&mut self, bytes: usize, key: &str) {
        self.before += bytes as u64;
        self.progress.set_message(format!(
            "{key}: {} of {} MB",
            self.before / 1_000_000,
            self.of.div_ceil(1_000_000)
        ));
    }
}

impl BillDelivery {
    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Returns a name for this state of the files, whichever bucket they are in: the SHA-256 of
    /// their keys, ETags and sizes.
    pub(super) fn version(&self) -> String {
        let mut files: Vec<&S3Object> = self.files.iter().collect();
        files.sort_by(|one, other| one.key.cmp(&other.key));
        let mut hasher = Sha256::new();
        for file in files {
            hasher.update(format!("{}\u{1f}{}\u{1f}{}\u{1e}", file.key, file.etag, file.bytes));
        }
        domain::hex(hasher.finalize())
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
        if feeds::parse_key(key).is_none_or(|place| place.role != DeliveryRole::Data) {
            return Err(format!("{key} is neither CSV nor Parquet"));
        }
        if !names.insert(base(key)) {
            return Err(format!("two of its files are named {}", base(key)));
        }
    }
    Ok(())
}
