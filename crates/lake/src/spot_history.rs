//! Spot price history from Parquet, column by column: the only import that never goes through rows.

use std::fs::File;
use std::path::{Path, PathBuf};

use catalog::ports::StoreError;
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{
    BooleanChunked, ChunkCompareEq, Column, DataFrame, DataType, PlSmallStr, PolarsResult,
    SortMultipleOptions, TimeUnit,
};

const COLUMNS: [&str; 5] = ["observed_at", "instance_type", "region", "az_id", "spot_usd"];

/// The changes in some files of spot history, in the columns of `spot_price`.
pub(crate) struct Changes {
    /// The rows, sorted by type, zone and instant.
    pub(crate) frame: DataFrame,
    /// Rows read.
    pub(crate) read: u64,
    /// The first and the last instant, microseconds since 1970.
    pub(crate) span: (i64, i64),
}

/// Reads the files together and keeps each series' changes: a price that repeats the one before it says nothing new.
pub(crate) fn changes(paths: &[PathBuf], run_id: &str) -> Result<Changes, StoreError> {
    let mut all: Option<DataFrame> = None;
    for path in paths {
        let frame = read(path)?;
        match &mut all {
            None => all = Some(frame),
            Some(all) => {
                all.vstack_mut(&frame).map_err(|e| bad(path, e))?;
            }
        }
    }
    let all = all.ok_or_else(|| StoreError::BadFile("no file was given".into()))?;
    let read = all.height() as u64;
    if read == 0 {
        return Err(StoreError::BadFile("the files hold no rows".into()));
    }
    let failed = |e| StoreError::BadFile(format!("the files cannot be put in order: {e}"));
    let span = span(&all).map_err(failed)?;
    let frame = only_changes(all).and_then(|frame| with_constants(frame, run_id)).map_err(failed)?;
    Ok(Changes { frame, read, span })
}

fn bad(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::BadFile(format!("{} cannot be read as spot history: {error}", path.display()))
}

fn read(path: &Path) -> Result<DataFrame, StoreError> {
    let file = File::open(path).map_err(|e| bad(path, e))?;
    let mut reader = ParquetReader::new(file);
    let schema = reader.schema().map_err(|_| bad(path, "it is not a Parquet file, or it is cut short"))?;
    if let Some(missing) = COLUMNS.iter().find(|name| !schema.contains(name)) {
        let expected = COLUMNS.join(", ");
        return Err(bad(path, format!("it has no column {missing}; expected {expected}")));
    }
    let names = COLUMNS.iter().map(|name| name.to_string()).collect();
    let frame = reader.with_columns(Some(names)).finish().map_err(|e| bad(path, e))?;
    typed(frame).map_err(|e| bad(path, e))
}

fn typed(frame: DataFrame) -> PolarsResult<DataFrame> {
    let cast = |name: &str, ty: DataType| frame.column(name)?.strict_cast(&ty);
    let mut price = cast("spot_usd", DataType::Decimal(18, 10))?;
    price.rename(PlSmallStr::from_static("price_per_hour"));
    let columns = vec![
        cast("observed_at", DataType::Datetime(TimeUnit::Microseconds, None))?,
        cast("instance_type", DataType::String)?,
        cast("region", DataType::String)?,
        cast("az_id", DataType::String)?,
        price,
    ];
    DataFrame::new(frame.height(), columns)
}

fn span(frame: &DataFrame) -> PolarsResult<(i64, i64)> {
    let instants = frame.column("observed_at")?.cast(&DataType::Int64)?;
    let instants = instants.i64()?;
    Ok((
        instants.iter().flatten().min().unwrap_or_default(),
        instants.iter().flatten().max().unwrap_or_default(),
    ))
}

fn only_changes(frame: DataFrame) -> PolarsResult<DataFrame> {
    let order = SortMultipleOptions::default().with_multithreaded(true);
    let frame = frame.sort(["instance_type", "az_id", "observed_at"], order)?;
    let differs = |name: &str| -> PolarsResult<BooleanChunked> {
        let column = frame.column(name)?.as_materialized_series();
        column.not_equal_missing(&column.shift(1))
    };
    let changed = differs("instance_type")? | differs("az_id")? | differs("price_per_hour")?;
    frame.filter(&changed)
}

fn with_constants(frame: DataFrame, run_id: &str) -> PolarsResult<DataFrame> {
    let rows = frame.height();
    let constant = |name: &'static str, value: &str| {
        Column::new_scalar(PlSmallStr::from_static(name), PlSmallStr::from_str(value).into(), rows)
    };
    let mut columns = Vec::new();
    for name in ["observed_at", "instance_type", "region", "az_id"] {
        columns.push(frame.column(name)?.clone());
    }
    columns.push(constant("product", "linux"));
    columns.push(frame.column("price_per_hour")?.clone());
    columns.push(constant("currency", "USD"));
    columns.push(constant("run_id", run_id));
    DataFrame::new(rows, columns)
}
