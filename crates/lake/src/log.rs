//! What was told, read back: the rows of `collection_run`.

use std::collections::BTreeMap;
use std::fs::File;

use catalog::ports::{Held, Logged, Shown, StoreError};
use domain::Timestamp;
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{DataFrame, DataType, PolarsResult, StringChunked, TimeUnit};

use crate::Pinned;
use crate::folder::LakeError;

/// What a manifest shows.
pub(crate) fn shown(pinned: &Pinned) -> Result<Shown, StoreError> {
    let mut log = Vec::new();
    let mut held: BTreeMap<&str, Held> = BTreeMap::new();
    for file in &pinned.manifest.files {
        let dataset = held.entry(&file.dataset).or_insert_with(|| Held {
            dataset: file.dataset.clone(),
            files: 0,
            rows: 0,
            bytes: 0,
        });
        dataset.files += 1;
        dataset.rows += file.rows;
        dataset.bytes += file.bytes;
        if file.dataset == "collection_run" {
            let path = pinned.root.join(&file.path);
            let opened = File::open(&path).map_err(|e| LakeError::io(&path, e))?;
            let read = ParquetReader::new(opened).finish().and_then(|frame| rows(&frame));
            let damaged = |e| StoreError::BadFile(format!("{} cannot be read: {e}", path.display()));
            log.extend(read.map_err(damaged)?);
        }
    }
    Ok(Shown { manifest: pinned.manifest.number, log, held: held.into_values().collect() })
}

fn rows(frame: &DataFrame) -> PolarsResult<Vec<Logged>> {
    let text = |name: &str| -> PolarsResult<StringChunked> {
        Ok(frame.column(name)?.cast(&DataType::String)?.str()?.clone())
    };
    let [run_id, dataset, scope, source, outcome] =
        ["run_id", "dataset", "scope", "source", "outcome"].map(text);
    let (run_id, dataset, scope, source, outcome) = (run_id?, dataset?, scope?, source?, outcome?);
    // Earlier versions wrote no such column.
    let version = text("version").ok();
    let observed = frame.column("observed_at")?;
    let observed =
        observed.cast(&DataType::Datetime(TimeUnit::Microseconds, None))?.cast(&DataType::Int64)?;
    let (observed, counted) = (observed.i64()?.clone(), frame.column("row_count")?.i64()?.clone());
    let gaps = frame.column("gaps")?.list()?.clone();
    let word = |column: &StringChunked, row: usize| column.get(row).unwrap_or_default().to_string();
    let row = |row: usize| -> PolarsResult<Logged> {
        let told = gaps.get_as_series(row);
        let told = told.map(|gaps| gaps.cast(&DataType::String)).transpose()?;
        let texts = |gaps: &StringChunked| gaps.iter().flatten().map(String::from).collect();
        Ok(Logged {
            run_id: word(&run_id, row),
            dataset: word(&dataset, row),
            scope: word(&scope, row),
            source: word(&source, row),
            version: version.as_ref().and_then(|column| column.get(row)).map(String::from),
            observed_at: observed
                .get(row)
                .and_then(|micros| Timestamp::from_microsecond(micros).ok())
                .unwrap_or_default(),
            outcome: word(&outcome, row),
            rows: counted.get(row).unwrap_or_default().max(0) as u64,
            gaps: told.as_ref().map(|gaps| gaps.str().map(texts)).transpose()?.unwrap_or_default(),
        })
    };
    (0..frame.height()).map(row).collect()
}
