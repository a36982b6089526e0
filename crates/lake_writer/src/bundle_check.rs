//! Checks the files of a bundle before they become a part of a lake.

use std::path::Path;

use catalog::{DataFile, Dataset, DatasetKind, dataset};
use polars::prelude::{DataFrame, DataType};

use crate::columns;
use crate::price_file::PriceFile;
use crate::public_files::is_public;
use lake::LakeError;

/// The largest row group, uncompressed, in bytes. Those of a lake have at most a few hundred MiB.
const LARGEST_GROUP: usize = 1 << 30;

/// Checks that a file's path is one that this program would give in a lake, and that its dataset is
/// public. The error is a lowercase fragment.
pub(crate) fn check_place(file: &DataFile) -> Result<(), String> {
    let DataFile { path, version, .. } = file;
    let known = dataset(&file.dataset);
    let known = known.filter(|dataset| dataset.name == "collection_run" || is_public(dataset.name));
    let Some(dataset) = known else { return Err(format!("{path} is not a file of a public dataset")) };
    if *version > dataset.version {
        return Err(format!("{path} was written by a newer version of mycelium: upgrade this one"));
    }
    file.check_path()
}

/// Reads a whole Parquet file row group by row group. `take` gets each group after it was checked.
///
/// The file must have the columns and types of its dataset; a column that the layout got later may
/// be missing. It must have the rows that the list names. Rows of a snapshot must be of the file's
/// run.
///
/// Errors: the file does not fit its entry of the list; or the error of `take`.
pub(crate) fn read_checked(
    bundle: &Path,
    path: &Path,
    listed: &DataFile,
    dataset: &Dataset,
    take: &mut dyn FnMut(DataFrame) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    let bad = |why: String| LakeError::BadFile(format!("{}: {} {why}", bundle.display(), listed.path));
    let damaged = |_| bad("is damaged: it cannot be read as Parquet".into());
    let file = PriceFile::open(path).map_err(damaged)?;
    let rows: usize = (0..file.groups()).map(|group| file.rows(group)).sum();
    if rows as u64 != listed.rows {
        return Err(bad(format!("has {rows} rows instead of {}", listed.rows)));
    }
    if (0..file.groups()).any(|group| file.uncompressed_bytes(group) > LARGEST_GROUP) {
        return Err(bad(format!("has a row group of more than {} MiB", LARGEST_GROUP >> 20)));
    }
    for group in 0..file.groups() {
        let frame = file.read(group, 0, usize::MAX).map_err(damaged)?;
        check_columns(&frame, dataset).map_err(bad)?;
        if frame.height() != file.rows(group) {
            return Err(bad("is damaged: it ends early".into()));
        }
        if dataset.kind == DatasetKind::Snapshot && !is_of_run(&frame, listed.run()) {
            return Err(bad("has rows of another run".into()));
        }
        take(frame)?;
    }
    Ok(())
}

/// Checks that the columns have the types of the dataset, and that none of its key is missing.
fn check_columns(frame: &DataFrame, dataset: &Dataset) -> Result<(), String> {
    for field in dataset.fields() {
        let expected = columns::data_type(&field.ty);
        match frame.column(&field.name).map(|column| column.dtype()) {
            Ok(found) if *found == expected => {}
            Ok(found) => {
                return Err(format!("has a column {} of type {found} instead of {expected}", field.name));
            }
            Err(_) if field.name == "run_id" || dataset.key.contains(&field.name.as_str()) => {
                return Err(format!("has no column {}", field.name));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn is_of_run(frame: &DataFrame, run_id: &str) -> bool {
    let runs = frame.column("run_id").and_then(|column| column.cast(&DataType::String));
    let Ok(runs) = runs else { return false };
    runs.str().is_ok_and(|runs| runs.iter().all(|run| run == Some(run_id)))
}
