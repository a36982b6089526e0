//! Forgets an account: afterwards no file and no log row contains its number.

use std::collections::HashSet;
use std::path::Path;

use catalog::ports::MaintenanceReport;
use catalog::{DataFile, Dataset, DatasetKind, dataset};
use domain::Timestamp;
use polars::prelude::{BooleanChunked, DataFrame, PolarsResult};

use crate::billing::{MonthFiles, stored_lines};
use crate::log::{ForgottenRuns, RunLog};
use crate::parquet_appender::ParquetAppender;
use crate::price_file::{PriceFile, unreadable};
use crate::writer::WrittenFile;
use crate::{LakeWriter, columns, compact};
use lake::LakeError;

/// A file with rows of the account.
struct AccountFile {
    file: DataFile,
    dataset: &'static Dataset,
    /// The number of rows without the account. They are kept.
    stay: u64,
}

/// Removes an account; see [`catalog::ports::Store::forget`].
pub(crate) fn forget(
    root: &Path,
    account: &str,
    tool_version: &str,
    now: Timestamp,
    dry_run: bool,
) -> Result<MaintenanceReport, LakeError> {
    let Some(mut writer) = LakeWriter::maintain(root, dry_run)? else { return Ok(compact::no_changes()) };
    let before = writer.manifest().clone();
    let (found, runs) = find(root, &before.files, account)?;
    let log = RunLog::read(root, &before)?;
    if found.is_empty() && !log.names_account(account) {
        return Ok(compact::compare_sizes(&before, &before, None));
    }
    let mut written = Vec::new();
    for found in found.iter().filter(|found| found.stay > 0) {
        written.extend(write_remaining(&writer, found, account)?);
    }
    written.push(log.forget(account, &runs)?.write(
        &writer,
        &compact::compacted_name(&before),
        &HashSet::new(),
    )?);
    let sums: HashSet<String> = found.iter().map(|found| found.file.daily_sums_path()).collect();
    let mut replaced: Vec<DataFile> = found.into_iter().map(|found| found.file).collect();
    replaced.extend(
        before.files.iter().filter(|file| file.is_daily_sums() && sums.contains(&file.path)).cloned(),
    );
    replaced.extend(compact::log_files(&before));
    writer.replace(&replaced, written, tool_version, now)?;
    compact::report_commit(&before, &writer)
}

/// Returns the files with rows of the account, and the runs that lose rows.
fn find(
    root: &Path,
    files: &[DataFile],
    account: &str,
) -> Result<(Vec<AccountFile>, ForgottenRuns), LakeError> {
    // The runs of prices that were asked for with credentials were once named after the account.
    let named = |dataset: &&Dataset| dataset.account_columns().next().is_some() || dataset.name == "price";
    let of_accounts = |file: &&DataFile| dataset(&file.dataset).as_ref().is_some_and(named);
    lake::verify_files(root, files.iter().filter(of_accounts))?;
    let (mut found, mut lost, mut kept) = (Vec::new(), HashSet::new(), HashSet::new());
    // Daily sums have the accounts of their lines.
    for file in files.iter().filter(|file| !file.is_daily_sums()) {
        let Some(dataset) = dataset(&file.dataset).filter(named) else { continue };
        let mut stay = 0;
        each_group(root, file, |frame| {
            let others = rows_of_others(&frame, dataset, account)?;
            stay += others.sum().map_or(0, u64::from);
            for (run, stays) in frame.column("run_id")?.str()?.iter().zip(others.iter()) {
                let runs = if stays == Some(true) { &mut kept } else { &mut lost };
                runs.insert((dataset.name.to_string(), run.unwrap_or_default().to_string()));
            }
            Ok(())
        })?;
        if stay < file.rows {
            found.push(AccountFile { file: file.clone(), dataset, stay });
        }
    }
    let runs = lost.into_iter().map(|run| (run.clone(), kept.contains(&run))).collect();
    Ok((found, runs))
}

/// Reads a file row group by row group.
fn each_group(
    root: &Path,
    file: &DataFile,
    mut take: impl FnMut(DataFrame) -> PolarsResult<()>,
) -> Result<(), LakeError> {
    let path = root.join(&file.path);
    let opened = PriceFile::open(&path)?;
    for group in 0..opened.groups() {
        take(opened.read(group, 0, usize::MAX)?).map_err(|e| unreadable(&path, &e))?;
    }
    Ok(())
}

/// Returns a mask of the rows without the account: neither the row nor its run names it.
fn rows_of_others(frame: &DataFrame, dataset: &Dataset, account: &str) -> PolarsResult<BooleanChunked> {
    let mut others = vec![true; frame.height()];
    for name in dataset.account_columns() {
        if let Ok(column) = frame.column(name) {
            let texts = column.str()?.iter();
            others.iter_mut().zip(texts).for_each(|(apart, text)| *apart &= text != Some(account));
        }
    }
    let runs = frame.column("run_id")?.str()?.iter();
    others
        .iter_mut()
        .zip(runs)
        .for_each(|(apart, run)| *apart &= !run.is_some_and(|run| run.contains(account)));
    Ok(others.into_iter().collect())
}

/// Writes the remaining rows of a file under a new name of the same run.
fn write_remaining(
    writer: &LakeWriter,
    found: &AccountFile,
    account: &str,
) -> Result<Vec<WrittenFile>, LakeError> {
    // Run ids contain no dot, so the run id ends at the first one.
    let name = format!("{}.without-{}", found.file.run(), writer.manifest().number + 1);
    if found.dataset.kind == DatasetKind::Statement {
        return write_remaining_lines(writer, found, account, &name);
    }
    let mut growing: Option<ParquetAppender> = None;
    let mut failed = None;
    each_group(writer.root(), &found.file, |frame| {
        let rest = remaining(&frame, found, account)?;
        if rest.height() > 0 && failed.is_none() {
            let added = match &mut growing {
                Some(growing) => growing.add(rest),
                None => ParquetAppender::start(writer, found.dataset, &name).and_then(|mut started| {
                    started.add(rest)?;
                    growing = Some(started);
                    Ok(())
                }),
            };
            failed = added.err();
        }
        Ok(())
    })?;
    match (failed, growing) {
        (Some(error), _) => Err(error),
        (None, growing) => Ok(vec![growing.expect("rows stay, so they were added").finish()?]),
    }
}

/// Writes the remaining lines of bills, and their daily sums. Their columns of tags and of `extra`
/// are made anew, because the name of a column may be known to the account alone.
fn write_remaining_lines(
    writer: &LakeWriter,
    found: &AccountFile,
    account: &str,
    name: &str,
) -> Result<Vec<WrittenFile>, LakeError> {
    let mut lines = MonthFiles::new(found.file.run(), name);
    let mut failed = None;
    each_group(writer.root(), &found.file, |frame| {
        lines.add(remaining(&frame, found, account)?)?;
        while failed.is_none() && lines.is_full() {
            failed = lines.write_largest(writer).err();
        }
        Ok(())
    })?;
    match failed {
        Some(error) => Err(error),
        None => lines.finish(writer),
    }
}

/// Returns the rows without the account, in the dataset's columns, and the columns of `extra`.
fn remaining(frame: &DataFrame, found: &AccountFile, account: &str) -> PolarsResult<DataFrame> {
    let rest = frame.filter(&rows_of_others(frame, found.dataset, account)?)?;
    match found.dataset.kind {
        DatasetKind::Statement => stored_lines(&rest, found.file.version),
        _ => columns::aligned(&rest, found.dataset),
    }
}

#[cfg(test)]
#[path = "forget_tests.rs"]
mod tests;
