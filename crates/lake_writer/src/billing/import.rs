//! Imports bills: checks which files belong together, and reports each bill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::ports::{BillFiles, ImportReport, RunWriter, ScopeOutcome, ScopeReport, Store, StoreError};
use domain::Timestamp;

use super::{BillSummaries, BillSummary, ChargeSink, charge, read};
use crate::store::LakeStore;

/// Imports bills; see [`Store::import_bills`].
pub(crate) fn import(
    store: &LakeStore,
    files: &BillFiles<'_>,
    now: Timestamp,
    dry_run: bool,
) -> Result<ImportReport, StoreError> {
    if files.whole {
        check_parts(files.paths)?;
    }
    // The same files with another instant, or as another share of the bill, are another run.
    let share = if files.whole { "bill" } else { "part" };
    let (run_id, paths) =
        store.identify(&format!("{share}-{}", files.observed_at.as_microsecond()), files.paths)?;
    let shown = store.manifest_with_run(&run_id)?;
    if shown.is_some() {
        return Ok(ImportReport::already_imported(charge().name, shown));
    }
    // Checked before any write: a file of another kind leaves no lake behind.
    for path in &paths {
        super::probe(files.layout, path, files.open).map_err(|why| bad(path, &why))?;
    }
    if dry_run {
        let bills = read_all(files, &paths, &mut |_| Ok(()))?;
        let report = ImportReport::dry_run(charge().name, bill_reports(&bills, files));
        return Ok(ImportReport { notes: rounding_notes(&bills), ..report });
    }
    let Some(mut run) = store.open_run(&run_id)? else {
        return Ok(ImportReport::already_imported(charge().name, store.manifest_with_run(&run_id)?));
    };
    let bills = read_all(files, &paths, &mut |frame| run.add_frame(charge(), frame))?;
    let told = bill_reports(&bills, files);
    for told in &told {
        run.add_report(told.clone())?;
    }
    let committed = Box::new(run).commit(now)?;
    let report = ImportReport::committed(charge().name, told, &committed);
    Ok(ImportReport { notes: rounding_notes(&bills), ..report })
}

/// Returns a sentence for each bill with rounded amounts.
fn rounding_notes(bills: &BillSummaries) -> Vec<String> {
    let note =
        |(scope, bill): (&String, &BillSummary)| Some(format!("{scope}: {}", bill.findings.rounding()?));
    bills.iter().filter_map(note).collect()
}

/// Returns the report of each bill.
fn bill_reports(bills: &BillSummaries, files: &BillFiles<'_>) -> Vec<ScopeReport> {
    let of_bill = |(scope, bill): (&String, &BillSummary)| ScopeReport {
        dataset: charge(),
        scope: scope.clone(),
        source: files.origin.map_or(bill.source.clone(), |origin| origin.source.into()),
        version: files.origin.map(|origin| origin.version.into()),
        observed_from: Timestamp::from_microsecond(bill.from).unwrap_or(files.observed_at),
        observed_at: files.observed_at,
        outcome: if files.whole { ScopeOutcome::Complete } else { ScopeOutcome::Partial },
        rows: bill.rows,
        gaps: bill.findings.gaps().into_iter().map(Into::into).collect(),
    };
    bills.iter().map(of_bill).collect()
}

fn read_all(
    files: &BillFiles<'_>,
    paths: &[PathBuf],
    sink: ChargeSink<'_>,
) -> Result<BillSummaries, StoreError> {
    let mut all = BillSummaries::new();
    for path in paths {
        for (scope, told) in read(files.layout, path, files.open, sink)? {
            let bill = all.entry(scope.clone()).or_default();
            if bill.rows == 0 {
                *bill = told;
                continue;
            }
            // AWS delivers a report several times a day, with the same names in another folder.
            if bill.source.split(", ").any(|name| name == told.source) {
                let why = format!(
                    "another file of that name has lines of {scope} too: one of them is an older delivery; import only the newer one"
                );
                return Err(bad(path, &why));
            }
            bill.rows += told.rows;
            bill.findings.merge(told.findings);
            bill.source = format!("{}, {}", bill.source, told.source);
        }
    }
    Ok(all)
}

fn bad(path: &Path, why: &str) -> StoreError {
    StoreError::BadFile(format!("{}: {why}", path.display()))
}

/// Checks that no part is missing. A bill's parts are numbered from `-00001` without gaps.
fn check_parts(paths: &[PathBuf]) -> Result<(), StoreError> {
    let mut numbers: BTreeMap<(PathBuf, String), Vec<u32>> = BTreeMap::new();
    for path in paths {
        if let Some((stem, number)) = part(path) {
            numbers.entry(stem).or_default().push(number);
        }
    }
    for ((_, stem), mut found) in numbers {
        found.sort_unstable();
        if let Some(missing) = (1..).zip(&found).find(|(at, number)| at != *number) {
            return Err(StoreError::BadFile(format!(
                "part {} of {stem} is not among the files, and a bill is imported with all its parts at once; \
                 add --partial to import them as an addition",
                missing.0
            )));
        }
    }
    Ok(())
}

/// Splits a part's name into its folder, the name before the number, and the number.
fn part(path: &Path) -> Option<((PathBuf, String), u32)> {
    let name = path.file_name()?.to_str()?;
    let (stem, rest) = name.rsplit_once('-')?;
    let digits = rest.split('.').next().filter(|digits| digits.len() == 5)?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Some(((folder, stem.into()), digits.parse().ok()?))
}
