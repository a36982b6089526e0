//! The files of a lake in the form in which a bundle contains them: without text that is private.
//!
//! A file that has such text is written anew: a source that is not a known one is replaced, a row
//! with private text in its key is left out, and the names of runs lose the number of an account.

use std::path::{Path, PathBuf};

use catalog::{ColumnPrivacy, DataFile, Dataset, Manifest, UNSTATED_SOURCE, dataset};
use durable::TemporaryFolder;
use polars::prelude::{BooleanChunked, Column, DataFrame, PlSmallStr, PolarsResult};

use crate::columns;
use crate::parquet_appender::ParquetAppender;
use crate::price_file::{PriceFile, unreadable};
use lake::LakeError;

/// The length of an account's number, digits.
const ACCOUNT_DIGITS: usize = 12;

/// A file of a bundle, and the place of its bytes.
pub(crate) struct BundledFile {
    pub(crate) listed: DataFile,
    pub(crate) path: PathBuf,
}

/// The files of a bundle. The folder with the files that were written anew is removed with it.
pub(crate) struct PublicFiles {
    pub(crate) files: Vec<BundledFile>,
    _scratch: Option<TemporaryFolder>,
}

/// Whether a bundle contains a dataset. An accepted price is the decision of one user.
pub(crate) fn is_public(name: &str) -> bool {
    !matches!(name, "collection_run" | "acceptance")
        && dataset(name).is_some_and(|dataset| !dataset.is_private())
}

/// Returns the public files of a manifest, without private text. Files are written anew in a
/// temporary folder beside `beside`.
pub(crate) fn public_files(
    root: &Path,
    manifest: &Manifest,
    beside: &Path,
) -> Result<PublicFiles, LakeError> {
    let listed = || manifest.files.iter().filter(|file| is_public(&file.dataset));
    lake::verify_files(root, listed())?;
    let mut public = PublicFiles { files: Vec::new(), _scratch: None };
    for file in listed() {
        let path = root.join(&file.path);
        let dataset = dataset(&file.dataset).expect("only known datasets are public");
        if !has_private_text(&path, file, dataset)? {
            public.files.push(BundledFile { listed: file.clone(), path });
            continue;
        }
        if public._scratch.is_none() {
            let folder = TemporaryFolder::create(beside).map_err(|e| LakeError::io(beside, e))?;
            public._scratch = Some(folder);
        }
        let folder = public._scratch.as_ref().expect("created above").path();
        let target = folder.join(format!("{}.parquet", public.files.len()));
        public.files.extend(write_public(&path, file, dataset, target)?);
    }
    Ok(public)
}

/// Returns a run's name without numbers of accounts.
pub(crate) fn public_run(run_id: &str) -> String {
    let is_account = |part: &&str| part.len() == ACCOUNT_DIGITS && part.bytes().all(|c| c.is_ascii_digit());
    let parts = run_id.split('-').map(|part| if is_account(&part) { "account" } else { part });
    parts.collect::<Vec<_>>().join("-")
}

/// Whether a source is one of the known ones.
pub(crate) fn is_known_source(source: &str) -> bool {
    let column = dataset("price").into_iter().flat_map(Dataset::redacted_columns);
    let mut columns = column.filter(|column| column.name == "source");
    columns.any(|column| is_known(column.privacy, Some(source)))
}

fn is_known(privacy: ColumnPrivacy, text: Option<&str>) -> bool {
    match (privacy, text) {
        (ColumnPrivacy::Known(values), Some(text)) => values.contains(&text),
        _ => true,
    }
}

/// Whether a file of a public dataset has text that a bundle must not contain.
fn has_private_text(path: &Path, file: &DataFile, dataset: &Dataset) -> Result<bool, LakeError> {
    if public_run(file.run()) != file.run() {
        return Ok(true);
    }
    if dataset.redacted_columns().next().is_none() {
        return Ok(false);
    }
    let opened = PriceFile::open(path)?;
    for group in 0..opened.groups() {
        let frame = opened.read(group, 0, usize::MAX)?;
        let frame = columns::aligned(&frame, dataset).map_err(|e| unreadable(path, &e))?;
        let public = public_frame(&frame, dataset).map_err(|e| unreadable(path, &e))?;
        if !public.equals_missing(&frame) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the public rows of a file. Returns nothing if it has none.
fn write_public(
    path: &Path,
    file: &DataFile,
    dataset: &Dataset,
    target: PathBuf,
) -> Result<Option<BundledFile>, LakeError> {
    let listed = file.path.replacen(file.run(), &public_run(file.run()), 1);
    let opened = PriceFile::open(path)?;
    let mut written: Option<ParquetAppender> = None;
    for group in 0..opened.groups() {
        let frame = opened.read(group, 0, usize::MAX)?;
        let rows = public_frame(&frame, dataset).map_err(|e| unreadable(path, &e))?;
        if rows.height() == 0 {
            continue;
        }
        match &mut written {
            Some(written) => written.add(rows)?,
            None => {
                let fields = dataset.fields();
                let started =
                    ParquetAppender::create(target.clone(), listed.clone(), dataset, &fields, false)?;
                written.insert(started).add(rows)?;
            }
        }
    }
    let Some(written) = written else { return Ok(None) };
    Ok(Some(BundledFile { listed: written.finish()?.0, path: target }))
}

/// Returns the rows without private text, in the columns of the dataset.
fn public_frame(frame: &DataFrame, dataset: &Dataset) -> PolarsResult<DataFrame> {
    let mut public = columns::aligned(frame, dataset)?;
    for column in dataset.redacted_columns() {
        let texts = public.column(column.name)?.str()?.clone();
        if dataset.key.contains(&column.name) {
            let kept: BooleanChunked = texts.iter().map(|text| is_known(column.privacy, text)).collect();
            public = public.filter(&kept)?;
        } else {
            let stated = texts.iter().map(|text| match is_known(column.privacy, text) {
                true => text,
                false => Some(UNSTATED_SOURCE),
            });
            replace(&mut public, column.name, stated.map(|text| text.map(String::from)).collect())?;
        }
    }
    let runs = public.column("run_id")?.str()?.clone();
    replace(&mut public, "run_id", runs.iter().map(|run| run.map(public_run)).collect())?;
    Ok(public)
}

fn replace(frame: &mut DataFrame, name: &'static str, texts: Vec<Option<String>>) -> PolarsResult<()> {
    frame.with_column(Column::new(PlSmallStr::from_static(name), texts)).map(|_| ())
}
