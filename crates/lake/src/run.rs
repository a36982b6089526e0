//! A run that is being written: rows of some datasets and what was told of their scopes, visible all at once.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;

use catalog::ports::{Committed, Run, StoreError, Told};
use catalog::{Batch, DataFile, Dataset, Kind, Manifest, Page, Value, dataset};
use domain::Timestamp;
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{
    BooleanChunked, Column, DataFrame, DataType, PlSmallStr, PolarsResult, SortMultipleOptions, TimeUnit,
};

use crate::folder::LakeError;
use crate::growing::Growing;
use crate::{Pinned, Writer, columns};

/// Rows that are read at once of a file that may repeat what is brought.
const SLICE: usize = 1_000_000;

/// Rows that are put in order and written together where a dataset need not be known at once: what a run of any
/// length holds in memory.
const PIECE: usize = 100_000;

/// A run under the writer's lock.
pub(crate) struct LakeRun {
    writer: Writer,
    run_id: String,
    tool_version: &'static str,
    /// Rows that wait until there are enough of them.
    frames: BTreeMap<&'static str, DataFrame>,
    growing: BTreeMap<&'static str, Growing>,
    rows: BTreeMap<&'static str, u64>,
    told: Vec<Told>,
}

impl LakeRun {
    pub(crate) fn new(writer: Writer, run_id: &str, tool_version: &'static str) -> LakeRun {
        LakeRun {
            writer,
            run_id: run_id.into(),
            tool_version,
            frames: BTreeMap::new(),
            growing: BTreeMap::new(),
            rows: BTreeMap::new(),
            told: Vec::new(),
        }
    }

    /// The state that is visible now.
    pub(crate) fn manifest(&self) -> &Manifest {
        self.writer.manifest()
    }

    /// Adds rows that are columns of polars already, with the dataset's columns but `run_id`.
    pub(crate) fn add_frame(
        &mut self,
        dataset: &'static Dataset,
        frame: DataFrame,
    ) -> Result<(), StoreError> {
        match self.frames.get_mut(dataset.name) {
            None => {
                self.frames.insert(dataset.name, frame);
            }
            Some(all) => {
                all.vstack_mut(&frame).map_err(|e| misfit(dataset, e))?;
            }
        }
        // What is not kept twice must be known together.
        let waits = dataset.kind == Kind::Changes || self.frames[dataset.name].height() < PIECE;
        if waits { Ok(()) } else { self.grow(dataset) }
    }

    /// Writes the rows that wait, in order, behind those before them.
    fn grow(&mut self, dataset: &'static Dataset) -> Result<(), StoreError> {
        let Some(frame) = self.frames.remove(dataset.name) else { return Ok(()) };
        let piece = self.settled(dataset, frame)?;
        *self.rows.entry(dataset.name).or_default() += piece.height() as u64;
        if piece.height() == 0 {
            return Ok(());
        }
        if !self.growing.contains_key(dataset.name) {
            let file = Growing::start(&self.writer, dataset, &self.run_id)?;
            self.growing.insert(dataset.name, file);
        }
        self.growing.get_mut(dataset.name).expect("just made").add(piece)?;
        Ok(())
    }

    /// The rows of a dataset as they are stored: in order, without those that the lake already shows.
    fn settled(&self, dataset: &Dataset, frame: DataFrame) -> Result<DataFrame, StoreError> {
        let order = SortMultipleOptions::default().with_multithreaded(true);
        let sorted = frame.sort(sort_columns(dataset), order).map_err(|e| misfit(dataset, e))?;
        let fresh = match dataset.kind {
            Kind::Changes => self.without_known(dataset, sorted)?,
            Kind::Snapshot | Kind::Log | Kind::Statement => sorted,
        };
        named(fresh, dataset, &self.run_id).map_err(|e| misfit(dataset, e))
    }

    /// Observations that no visible file makes, each once: overlapping fetches say the same thing again.
    fn without_known(&self, dataset: &Dataset, frame: DataFrame) -> Result<DataFrame, StoreError> {
        let failed = |e| misfit(dataset, e);
        let mut unknown = HashSet::new();
        observations(&frame, |seen| {
            unknown.insert(seen);
        })
        .map_err(failed)?;
        for file in self.writer.manifest().files.iter().filter(|file| file.dataset == dataset.name) {
            let path = self.writer.root().join(&file.path);
            for from in (0..file.rows as usize).step_by(SLICE) {
                let opened = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
                let names = OBSERVATION.map(String::from).to_vec();
                let slice = ParquetReader::new(opened)
                    .with_columns(Some(names))
                    .with_slice(Some((from, SLICE)))
                    .finish()
                    .map_err(failed)?;
                observations(&slice, |seen| {
                    unknown.remove(&seen);
                })
                .map_err(failed)?;
            }
        }
        let mut fresh = Vec::with_capacity(frame.height());
        // Taken out when it is kept, so that the same observation within the run is kept once.
        observations(&frame, |seen| fresh.push(unknown.remove(&seen))).map_err(failed)?;
        let fresh: BooleanChunked = fresh.into_iter().map(Some).collect();
        frame.filter(&fresh).map_err(failed)
    }

    /// Reads back that the newest state shows these files.
    fn confirm(&self, number: u64, files: &[DataFile]) -> Result<(), LakeError> {
        let root = self.writer.root();
        let pinned = Pinned::newest(root)?;
        let shown = pinned.is_some_and(|pinned| {
            pinned.manifest.number == number && files.iter().all(|file| pinned.manifest.files.contains(file))
        });
        if shown {
            return Ok(());
        }
        let reason = format!("manifest {number} was written, and what is read back is another one");
        Err(LakeError::Io { path: root.to_path_buf(), reason })
    }
}

impl Run for LakeRun {
    fn add(&mut self, dataset: &'static Dataset, rows: &Batch) -> Result<(), StoreError> {
        let frame = columns::batch_frame(rows).map_err(|e| misfit(dataset, e))?;
        self.add_frame(dataset, frame)
    }

    fn tell(&mut self, told: Told) -> Result<(), StoreError> {
        self.told.push(told);
        Ok(())
    }

    fn commit(mut self: Box<Self>, now: Timestamp) -> Result<Committed, StoreError> {
        for name in self.frames.keys().copied().collect::<Vec<_>>() {
            self.grow(dataset(name).expect("a dataset of ours"))?;
        }
        let rows = std::mem::take(&mut self.rows).into_iter().collect();
        let mut written = Vec::new();
        for (_, file) in std::mem::take(&mut self.growing) {
            written.push(file.finish()?);
        }
        let log = dataset("collection_run").expect("a dataset of ours");
        let page = runs(log, &self.run_id, &self.told, self.tool_version);
        written.push(self.writer.write(log, &self.run_id, &page)?);
        let files: Vec<DataFile> = written.iter().map(|file| file.0.clone()).collect();
        let manifest = self.writer.commit(written, self.tool_version, now)?;
        self.confirm(manifest, &files)?;
        Ok(Committed { manifest, rows, bytes: files.iter().map(|file| file.bytes).sum() })
    }
}

/// What makes an observation of a spot price the same as another.
const OBSERVATION: [&str; 5] = ["instance_type", "az_id", "product", "observed_at", "price_per_hour"];

/// Calls `each` with every observation of a frame, told apart by its own digest.
fn observations(frame: &DataFrame, mut each: impl FnMut(u128)) -> PolarsResult<()> {
    let text = |name: &str| frame.column(name)?.cast(&DataType::String);
    let (types, zones, products) = (text("instance_type")?, text("az_id")?, text("product")?);
    let instants = frame.column("observed_at")?.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?;
    let instants = instants.cast(&DataType::Int64)?;
    let prices = frame.column("price_per_hour")?.cast(&DataType::Float64)?;
    let rows = types.str()?.iter().zip(zones.str()?.iter()).zip(products.str()?.iter());
    let rows = rows.zip(instants.i64()?.iter()).zip(prices.f64()?.iter());
    for ((((ty, zone), product), instant), price) in rows {
        each(digest(&(ty, zone, product, instant, price.map(f64::to_bits))));
    }
    Ok(())
}

/// 128 bits, so that two of a billion observations are not taken for one.
fn digest(row: &impl std::hash::Hash) -> u128 {
    use std::hash::{DefaultHasher, Hasher};
    let mut one = DefaultHasher::new();
    row.hash(&mut one);
    let mut other = DefaultHasher::new();
    other.write_u8(1);
    row.hash(&mut other);
    (u128::from(one.finish()) << 64) | u128::from(other.finish())
}

/// Rows of a type lie together, so that a question about it reads few row groups.
fn sort_columns(dataset: &Dataset) -> Vec<&'static str> {
    let mut key = dataset.key.to_vec();
    if let Some(at) = key.iter().position(|name| *name == "instance_type") {
        key[..=at].rotate_right(1);
    }
    key
}

/// The dataset's columns in their order, and `run_id` last.
fn named(frame: DataFrame, dataset: &Dataset, run_id: &str) -> PolarsResult<DataFrame> {
    let rows = frame.height();
    let mut columns: Vec<Column> = dataset
        .columns
        .iter()
        .map(|column| frame.column(column.name).cloned())
        .collect::<PolarsResult<_>>()?;
    columns.push(Column::new_scalar(
        PlSmallStr::from_static("run_id"),
        PlSmallStr::from_str(run_id).into(),
        rows,
    ));
    DataFrame::new(rows, columns)
}

fn misfit(dataset: &Dataset, error: polars::prelude::PolarsError) -> StoreError {
    StoreError::BadFile(format!("rows of {} do not fit: {error}", dataset.name))
}

/// The rows of `collection_run`.
fn runs(log: &Dataset, run_id: &str, told: &[Told], tool_version: &str) -> Page {
    let row = |told: &Told| {
        let value = |column: &str| match column {
            "run_id" => run_id.into(),
            "dataset" => told.dataset.name.into(),
            "scope" => told.scope.as_str().into(),
            "source" => told.source.as_str().into(),
            "observed_from" => told.observed_from.into(),
            "observed_at" => told.observed_at.into(),
            "outcome" => told.outcome.word().into(),
            "row_count" => Value::Int(told.rows as i64),
            "gaps" => told.gaps.clone().into(),
            "tool_version" => tool_version.into(),
            "version" => told.version.clone().into(),
            other => unreachable!("collection_run has a column {other} that nobody fills"),
        };
        log.columns.iter().map(|column| value(column.name)).collect()
    };
    Page { fields: log.fields(), rows: told.iter().map(row).collect() }
}
