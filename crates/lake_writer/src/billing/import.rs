//! Imports bills: checks which files belong together, and reports each bill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use catalog::ports::{
    BillCoverage, BillFiles, ImportReport, RunWriter, ScopeOutcome, ScopeReport, Store, StoreError,
};
use domain::Timestamp;

use polars::prelude::PolarsError;

use super::coverage::{self, KnownStatements};
use super::tag_keys::TagKeys;
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
    let (run_id, paths) = store.identify(&run_name(files), files.paths)?;
    let shown = store.manifest_with_run(&run_id)?;
    if shown.is_some() {
        return Ok(ImportReport::already_imported(charge().name, shown));
    }
    // Checked before any write: a file of another kind leaves no lake behind.
    for path in &paths {
        super::probe(files.layout, path, files.open).map_err(|why| bad(path, &why))?;
    }
    let mut keys = TagKeys::default();
    let misread = |e: PolarsError| StoreError::BadFile(format!("its tags cannot be read: {e}"));
    if dry_run {
        let bills = read_all(files, &paths, &mut |frame| keys.add(&frame).map_err(misread))?;
        let report = ImportReport::dry_run(charge().name, bill_reports(store, &bills, files)?);
        return Ok(ImportReport { notes: notes(&bills, &keys), ..report });
    }
    let Some(mut run) = store.open_run(&run_id)? else {
        return Ok(ImportReport::already_imported(charge().name, store.manifest_with_run(&run_id)?));
    };
    let bills = read_all(files, &paths, &mut |frame| {
        keys.add(&frame).map_err(misread)?;
        run.add_frame(charge(), frame)
    })?;
    let told = bill_reports(store, &bills, files)?;
    for told in &told {
        run.add_report(told.clone())?;
    }
    let mut committed = ImportReport::committed(charge().name, told, &Box::new(run).commit(now)?);
    // The rows are counted by bill, and reported by scope.
    let scopes = committed.told.iter().map(|told| told.scope.clone());
    let rows = bills.keys().map(|bill| committed.brought.scopes.get(bill).copied().unwrap_or(0));
    committed.brought.scopes = scopes.zip(rows).collect();
    Ok(ImportReport { notes: notes(&bills, &keys), ..committed })
}

/// Returns a sentence for each bill with rounded amounts, and for each with tag keys that are
/// alike.
fn notes(bills: &BillSummaries, keys: &TagKeys) -> Vec<String> {
    let note =
        |(scope, bill): (&String, &BillSummary)| Some(format!("{scope}: {}", bill.findings.rounding()?));
    bills.iter().filter_map(note).chain(keys.notes()).collect()
}

/// The version of the mapping from the columns of bills to charges. Files imported with an older
/// one can be imported again.
const MAPPING: &str = "v2";

/// Returns the name of the run, without the digest of the files. The same files with another
/// instant, as another share of the bill or for other accounts are another run.
fn run_name(files: &BillFiles<'_>) -> String {
    let share = if files.whole { "bill" } else { "part" };
    let covers = match files.covers {
        BillCoverage::Unknown { .. } => String::new(),
        BillCoverage::All => "covers-all-".into(),
        BillCoverage::Accounts(accounts) => {
            format!("covers-{}-", &lake::digest(accounts.join(",").as_bytes())[..12])
        }
    };
    format!("{share}-{MAPPING}-{covers}{}", files.observed_at.as_microsecond())
}

/// Returns the report of each bill, in the order of the bills.
fn bill_reports(
    store: &LakeStore,
    bills: &BillSummaries,
    files: &BillFiles<'_>,
) -> Result<Vec<ScopeReport>, StoreError> {
    let known = KnownStatements::read(store.root())?;
    let of_bill = |(name, bill): (&String, &BillSummary)| {
        let source = files.origin.map_or(bill.source.clone(), |origin| origin.source.into());
        // Files that only add lines replace none.
        let covered = match files.whole {
            true => known.covered_by(name, bill, &source, files.covers)?,
            false => None,
        };
        Ok(ScopeReport {
            dataset: charge(),
            scope: coverage::scope(name, &covered),
            source,
            version: files.origin.map(|origin| origin.version.into()),
            observed_from: Timestamp::from_microsecond(bill.from).unwrap_or(files.observed_at),
            observed_at: files.observed_at,
            outcome: if files.whole { ScopeOutcome::Complete } else { ScopeOutcome::Partial },
            rows: bill.rows,
            gaps: bill.findings.gaps().into_iter().map(Into::into).collect(),
        })
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
            bill.accounts.extend(told.accounts);
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
