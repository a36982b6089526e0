//! Forgetting an account: its traces, and the rows of other accounts.

use std::fs;

use catalog::ports::{ScopeOutcome, ScopeReport, Store};
use catalog::{RowBatch, Value};

use lake::PinnedManifest;

use super::*;
use crate::LakeStore;

const GONE: &str = "111122223333";
const STAYS: &str = "444455556666";

fn at() -> Timestamp {
    Timestamp::from_microsecond(0).unwrap()
}

/// A row of a dataset with these cells; all others are null.
fn row(dataset: &Dataset, cells: &[(&str, &str)]) -> Vec<Value> {
    let cell = |name: &str| cells.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    dataset.columns.iter().map(|column| cell(column.name).map_or(Value::Null, Value::from)).collect()
}

fn run(store: &LakeStore, name: &str, run_id: &str, rows: Vec<Vec<Value>>, scopes: &[String], gap: &str) {
    let dataset = dataset(name).unwrap();
    let mut open = store.begin(run_id).unwrap().unwrap();
    open.add(dataset, &RowBatch::of(dataset, rows).unwrap()).unwrap();
    for scope in scopes {
        open.add_report(ScopeReport {
            dataset,
            scope: scope.clone(),
            source: format!("{GONE}.csv"),
            version: None,
            observed_from: at(),
            observed_at: at(),
            outcome: ScopeOutcome::Complete,
            rows: 1,
            gaps: vec![gap.into()],
        })
        .unwrap();
    }
    open.commit(at()).unwrap();
}

/// A lake with instances of both accounts in one run, and a bill of the account that stays, with
/// lines of the other.
fn lake(root: &Path) -> LakeStore {
    let store = LakeStore::new(root.to_path_buf(), "0");
    let instances = dataset("instance").unwrap();
    let instance = |account| row(instances, &[("account_id", account), ("region", "us-east-1")]);
    let scopes = [GONE, STAYS].map(|account| format!("{account}/us-east-1"));
    run(&store, "instance", "both", vec![instance(GONE), instance(STAYS)], &scopes, "");
    run(&store, "instance", &format!("snapshot-{GONE}-1"), vec![instance(GONE)], &scopes[..1], "");
    let charges = dataset("charge").unwrap();
    let bill = format!("{STAYS}/2026-01");
    let charge = |user| {
        // The key becomes the name of a column.
        let tags = format!(r#"{{"user:Owner{user}":"of {user}","user:Team":"a"}}"#);
        let cells =
            [("bill", &bill[..]), ("billing_account_id", STAYS), ("sub_account_id", user), ("tags", &tags)];
        row(charges, &cells)
    };
    run(
        &store,
        "charge",
        "bill",
        vec![charge(GONE), charge(STAYS), charge(STAYS)],
        std::slice::from_ref(&bill),
        GONE,
    );
    store
}

/// Every byte and path below the folder.
fn bytes(root: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root).unwrap().flatten() {
        let path = entry.path();
        all.extend(path.to_string_lossy().as_bytes());
        all.extend(if path.is_dir() { bytes(&path) } else { fs::read(&path).unwrap() });
    }
    all
}

fn contains_account(root: &Path, account: &str) -> bool {
    bytes(root).windows(account.len()).any(|window| window == account.as_bytes())
}

#[test]
fn removes_every_trace_of_the_account_and_keeps_rows_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let store = lake(&root);
    let planned = store.forget(GONE, at(), true).unwrap();
    assert!(planned.manifest.is_none());
    assert!(contains_account(&root, GONE));
    let done = store.forget(GONE, at(), false).unwrap();
    assert_eq!((done.manifest, done.pinned), (Some(4), 0));
    assert_eq!(planned.datasets, done.datasets);
    assert!(!contains_account(&root, GONE));
    let shown = store.read_content().unwrap().unwrap();
    let rows = |name: &str| shown.held.iter().find(|(held, _)| held == name).map(|(_, size)| size.rows);
    assert_eq!((rows("instance"), rows("charge"), rows("collection_run")), (Some(1), Some(2), Some(2)));
    let bill = shown.log.iter().find(|row| row.dataset == "charge").unwrap();
    assert_eq!(bill.gaps, ["(forgotten)", "lines of an account were forgotten"]);
    // A second call changes nothing, and the account's own run may be added again.
    assert_eq!(store.forget(GONE, at(), false).unwrap().manifest, None);
    assert!(store.begin("both").unwrap().is_none());
    assert!(store.begin(&format!("snapshot-{GONE}-1")).unwrap().is_some());
}

#[test]
fn columns_of_extra_and_daily_sums_of_the_account_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let store = LakeStore::new(root.clone(), "0");
    let charges = dataset("charge").unwrap();
    let bill = format!("{STAYS}/2026-01");
    let charge = |user: &str| {
        let extra = format!(r#"{{"column of {user}":"x","unit":"y"}}"#);
        let cells =
            [("bill", &bill[..]), ("billing_account_id", STAYS), ("sub_account_id", user), ("extra", &extra)];
        let mut cells = row(charges, &cells);
        let cost = charges.columns.iter().position(|column| column.name == "billed_cost").unwrap();
        cells[cost] = Value::Decimal(1.into());
        cells
    };
    let rows = [GONE, STAYS].iter().flat_map(|user| std::iter::repeat_n(charge(user), 13)).collect();
    run(&store, "charge", "bill", rows, std::slice::from_ref(&bill), GONE);
    let sums = || {
        let files = PinnedManifest::newest(&root).unwrap().unwrap().manifest.files.clone();
        files.iter().filter(|file| file.is_daily_sums()).map(|file| file.rows).sum::<u64>()
    };
    assert_eq!(sums(), 2, "a row for each account");
    assert!(contains_account(&root, GONE));
    store.forget(GONE, at(), false).unwrap();
    assert!(!contains_account(&root, GONE));
    assert_eq!(sums(), 1);
    let shown = store.read_content().unwrap().unwrap();
    let (_, size) = shown.held.iter().find(|(name, _)| name == "charge").unwrap();
    assert_eq!((size.files, size.rows), (2, 13), "sums are no rows of the bill");
}

#[test]
fn reports_pinned_files_until_the_reader_ends() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let store = lake(&root);
    let reader = PinnedManifest::newest(&root).unwrap();
    assert_eq!(store.forget(GONE, at(), false).unwrap().pinned, 1);
    assert!(contains_account(&root, GONE));
    drop(reader);
    store.forget(STAYS, at(), false).unwrap();
    assert!(!contains_account(&root, GONE) && !contains_account(&root, STAYS));
}

#[test]
fn forgetting_makes_no_lake_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let store = LakeStore::new(root.clone(), "0");
    assert_eq!(store.forget(GONE, at(), false).unwrap(), compact::no_changes());
    assert!(!root.exists());
}
