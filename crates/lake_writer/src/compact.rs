//! Compaction: merges the files of single runs into one file for each instance family. Bills in an
//! older layout are rewritten by month; see `billing/compaction.rs`.
//!
//! An answer depends on the set of observations only, and compaction loses none. So the order of
//! compactions and imports never changes an answer. A repeat of the price before it is kept as
//! well: a later import may add another price between the two, and without the repeat the answer
//! would depend on the order of imports. Only 1,299 of 18 million real changes are such repeats, so
//! dropping them would save nothing.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use catalog::ports::{DatasetResize, DatasetSize, MaintenanceReport};
use catalog::{DataFile, Dataset, DatasetKind, Manifest};
use domain::{InstanceType, Timestamp};
use polars::prelude::{DataFrame, PolarsError};

use crate::billing::compact_bills;
use crate::log::{FOLDED, RunLog};
use crate::price_file::PriceFile;
use crate::prices::SpotPriceSet;
use crate::writer::{ROW_GROUP, WrittenFile};
use crate::{LakeWriter, cleanup};
use lake::LakeError;

/// The largest number of rows in memory of all files together while they are merged. A row of a
/// frame takes about 130 bytes.
const HELD: usize = 2_000_000;

/// The smallest number of rows read at once from one file.
const LEAST: usize = 1_000;

/// Compacts the lake; see [`catalog::ports::Store::compact`].
pub(crate) fn compact(
    root: &Path,
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<MaintenanceReport, LakeError> {
    let Some(mut writer) = LakeWriter::maintain(root, dry_run)? else { return Ok(no_changes()) };
    let before = writer.manifest().clone();
    let mut replaced = Vec::new();
    let mut written = Vec::new();
    for dataset in changes() {
        let folded = compact_dataset(&writer, dataset, None)?;
        replaced.extend(folded.replaced);
        written.extend(folded.written);
    }
    let (older, by_month) = compact_bills(&writer)?;
    replaced.extend(older);
    written.extend(by_month);
    let logs = log_files(&before);
    if logs.len() > 1 {
        let name = compacted_name(&before);
        written.push(RunLog::read(root, &before)?.write(&writer, &name, &HashSet::new())?);
        replaced.extend(logs);
    }
    if replaced.is_empty() {
        return Ok(compare_sizes(&before, &before, None));
    }
    writer.replace(&replaced, written, tool_version, now)?;
    report_commit(&before, &writer)
}

fn changes() -> impl Iterator<Item = &'static Dataset> {
    catalog::DATASETS.iter().filter(|dataset| dataset.kind == DatasetKind::Changes)
}

/// Returns the files of the log of runs.
pub(crate) fn log_files(manifest: &Manifest) -> Vec<DataFile> {
    manifest.files.iter().filter(|file| file.dataset == "collection_run").cloned().collect()
}

/// The name of a compacted file below its dataset's folder, without `.parquet`. It is new in every
/// manifest.
pub(crate) fn compacted_name(manifest: &Manifest) -> String {
    format!("{}{}", FOLDED.trim_start_matches('/'), manifest.number + 1)
}

pub(crate) fn no_changes() -> MaintenanceReport {
    MaintenanceReport { datasets: Vec::new(), manifest: None, pinned: 0 }
}

/// Returns the size of each dataset.
pub(crate) fn sizes(manifest: &Manifest) -> BTreeMap<String, DatasetSize> {
    let mut sizes: BTreeMap<String, DatasetSize> = BTreeMap::new();
    for file in &manifest.files {
        let size = sizes.entry(file.dataset.clone()).or_default();
        size.files += 1;
        size.rows += file.own_rows();
        size.bytes += file.bytes;
    }
    sizes
}

/// Compares a lake before and after.
pub(crate) fn compare_sizes(before: &Manifest, after: &Manifest, manifest: Option<u64>) -> MaintenanceReport {
    let after = sizes(after);
    let resized = |(dataset, before): (String, DatasetSize)| {
        let after = after.get(&dataset).copied().unwrap_or_default();
        DatasetResize { dataset, before, after }
    };
    MaintenanceReport { datasets: sizes(before).into_iter().map(resized).collect(), manifest, pinned: 0 }
}

/// Reports the commit that the writer just made, or would make.
pub(crate) fn report_commit(before: &Manifest, writer: &LakeWriter) -> Result<MaintenanceReport, LakeError> {
    let after = writer.manifest();
    if writer.is_dry_run() {
        return Ok(compare_sizes(before, after, None));
    }
    let pinned = cleanup::older(writer.root(), after)?;
    Ok(MaintenanceReport { pinned, ..compare_sizes(before, after, Some(after.number)) })
}

/// New files, and the files that they replace.
pub(crate) struct CompactedFiles {
    pub(crate) replaced: Vec<DataFile>,
    pub(crate) written: Vec<WrittenFile>,
}

/// Merges a dataset of changes into one file for each family. A family is written again when it has
/// new rows, or when `cut` removes some. `cut` is in microseconds since 1970: rows that no question
/// as of `cut` or later reads are removed.
pub(crate) fn compact_dataset(
    writer: &LakeWriter,
    dataset: &Dataset,
    cut: Option<i64>,
) -> Result<CompactedFiles, LakeError> {
    let ours = writer.manifest().files.iter().filter(|file| file.dataset == dataset.name);
    let (settled, loose): (Vec<&DataFile>, Vec<&DataFile>) = ours.partition(|file| file.family().is_some());
    let mut folded = CompactedFiles { replaced: Vec::new(), written: Vec::new() };
    let old = |file: &DataFile| match cut {
        Some(cut) => Ok(PriceFile::of(writer.root(), file)?.earliest().is_none_or(|earliest| earliest < cut)),
        // A compacted file without a family in its path is not compacted again by itself.
        None => Ok(file.family().is_none() && !file.path.contains(FOLDED)),
    };
    // Damage must not be written again under a valid digest.
    lake::verify_files(writer.root(), settled.iter().chain(&loose).copied())?;
    if any(&loose, old)? {
        let mut merge = FamilyMerge::of(writer.root(), &loose)?;
        while let Some(mut prices) = merge.next_family()? {
            let family = prices.family(&prices.changes()[0]).to_string();
            for file in settled.iter().filter(|file| file.family() == Some(&family)) {
                read_all(&mut prices, writer.root(), file)?;
                folded.replaced.push((*file).clone());
            }
            settle(&mut prices, cut);
            folded.write(writer, dataset, &prices)?;
        }
        folded.replaced.extend(loose.into_iter().cloned());
    }
    for file in settled {
        if !folded.replaced.contains(file) && old(file)? {
            let mut prices = SpotPriceSet::default();
            read_all(&mut prices, writer.root(), file)?;
            settle(&mut prices, cut);
            // All remaining rows may still be in effect. Then nothing is written.
            if prices.len() as u64 != file.rows {
                folded.replaced.push(file.clone());
                folded.write(writer, dataset, &prices)?;
            }
        }
    }
    Ok(folded)
}

fn any(files: &[&DataFile], is: impl Fn(&DataFile) -> Result<bool, LakeError>) -> Result<bool, LakeError> {
    for file in files {
        if is(file)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn settle(prices: &mut SpotPriceSet, cut: Option<i64>) {
    prices.settle();
    if let Some(cut) = cut {
        prices.forget_before(cut);
    }
}

impl CompactedFiles {
    fn write(
        &mut self,
        writer: &LakeWriter,
        dataset: &Dataset,
        prices: &SpotPriceSet,
    ) -> Result<(), LakeError> {
        let family = prices.family(&prices.changes()[0]);
        let name = compacted_name(writer.manifest());
        // The type's name comes from an imported file and must not lead out of the folder.
        let name = match InstanceType::parse(&format!("{family}.size")) {
            Ok(_) => format!("family={family}/{name}"),
            Err(_) => format!("{name}.{}", self.written.len()),
        };
        self.written.push(writer.write_prices(dataset, &name, prices, 0..prices.len(), ROW_GROUP)?);
        Ok(())
    }
}

fn read_all(prices: &mut SpotPriceSet, root: &Path, file: &DataFile) -> Result<(), LakeError> {
    let opened = PriceFile::of(root, file)?;
    for group in 0..opened.groups() {
        let frame = opened.read(group, 0, usize::MAX)?;
        prices.extend(&frame, None).map_err(|e| misread(file, &e))?;
    }
    Ok(())
}

fn misread(file: &DataFile, error: &PolarsError) -> LakeError {
    LakeError::Unusable(format!("{} cannot be read as prices: {error}", file.path))
}

/// Files that are read side by side, family by family. Each file is sorted by type, so a family's
/// rows are adjacent.
struct FamilyMerge<'a> {
    cursors: Vec<MergeCursor<'a>>,
}

/// The read position in one file.
struct MergeCursor<'a> {
    listed: &'a DataFile,
    file: PriceFile,
    /// The number of rows read at once.
    slice: usize,
    /// The next unread row: its row group, and its index there.
    next: (usize, usize),
    waiting: DataFrame,
    /// The number of rows of `waiting` that were already taken.
    taken: usize,
}

impl<'a> FamilyMerge<'a> {
    fn of(root: &Path, files: &[&'a DataFile]) -> Result<FamilyMerge<'a>, LakeError> {
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let share =
            |file: &DataFile| (HELD as u128 * u128::from(file.rows) / u128::from(rows.max(1))) as usize;
        let cursor = |file: &&'a DataFile| {
            let (slice, waiting) = (share(file).max(LEAST), DataFrame::empty());
            let opened = PriceFile::of(root, file)?;
            Ok(MergeCursor { listed: file, file: opened, slice, next: (0, 0), waiting, taken: 0 })
        };
        Ok(FamilyMerge { cursors: files.iter().map(cursor).collect::<Result<_, LakeError>>()? })
    }

    /// Returns all rows of the next family. None when every file is read.
    fn next_family(&mut self) -> Result<Option<SpotPriceSet>, LakeError> {
        let mut first: Option<String> = None;
        for cursor in &mut self.cursors {
            if let Some(name) = cursor.head()?
                && first.as_deref().is_none_or(|first| name < first)
            {
                first = Some(name.to_string());
            }
        }
        let Some(first) = first else { return Ok(None) };
        let mut prices = SpotPriceSet::default();
        for cursor in &mut self.cursors {
            cursor.take(family(&first), &mut prices)?;
        }
        Ok(Some(prices))
    }
}

/// The part of a type's name before the dot.
fn family(name: &str) -> &str {
    name.split_once('.').map_or(name, |(family, _)| family)
}

impl MergeCursor<'_> {
    /// The instance type of the next row. None after the last one.
    fn head(&mut self) -> Result<Option<&str>, LakeError> {
        while self.taken == self.waiting.height() {
            let (group, from) = self.next;
            if group == self.file.groups() {
                return Ok(None);
            }
            self.waiting = self.file.read(group, from, self.slice)?;
            self.taken = 0;
            let until = from + self.waiting.height();
            self.next = if until < self.file.rows(group) { (group, until) } else { (group + 1, 0) };
        }
        let names = self.waiting.column("instance_type").and_then(|column| column.str());
        Ok(Some(names.map_err(|e| misread(self.listed, &e))?.get(self.taken).unwrap_or_default()))
    }

    /// Moves the rows of `wanted` into `prices` if they are next.
    fn take(&mut self, wanted: &str, prices: &mut SpotPriceSet) -> Result<(), LakeError> {
        while self.head()?.is_some_and(|name| family(name) == wanted) {
            let names = self.waiting.column("instance_type").and_then(|column| column.str());
            let names = names.map_err(|e| misread(self.listed, &e))?;
            let same = |row: &usize| names.get(*row).is_some_and(|name| family(name) == wanted);
            let rows = (self.taken..self.waiting.height()).take_while(same).count();
            let taken = self.waiting.slice(self.taken as i64, rows);
            prices.extend(&taken, None).map_err(|e| misread(self.listed, &e))?;
            self.taken += rows;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
