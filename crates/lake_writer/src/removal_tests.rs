//! Runs and damaged files that leave the lake.

use std::fs;
use std::path::PathBuf;

use catalog::ports::{ScopeOutcome, ScopeReport, Store};
use catalog::{RowBatch, Value};

use super::*;
use crate::LakeStore;

fn at(day: i64) -> Timestamp {
    Timestamp::from_microsecond(day * 86_400_000_000).unwrap()
}

/// A report of a day about us-east-1, with rows unless the outcome is `Unchanged`.
fn run(store: &LakeStore, run_id: &str, name: &str, day: i64, outcome: ScopeOutcome, version: &str) {
    let dataset = dataset(name).unwrap();
    let mut open = store.begin(run_id).unwrap().unwrap();
    let cell = |column: &str| match column {
        "observed_at" => at(day).into(),
        "instance_type" => if day % 2 == 0 { "m7i.large" } else { "c7i.large" }.into(),
        "region" => "us-east-1".into(),
        "az_id" => "use1-az1".into(),
        "price_per_hour" => domain::Decimal::new(day, 2).into(),
        "currency" => "USD".into(),
        "product" => "linux".into(),
        _ => Value::Null,
    };
    let row = dataset.columns.iter().map(|column| cell(column.name)).collect();
    let rows = if outcome == ScopeOutcome::Unchanged { Vec::new() } else { vec![row] };
    let report = ScopeReport {
        dataset,
        scope: "us-east-1".into(),
        source: "a test".into(),
        version: Some(version.into()),
        observed_from: at(day),
        observed_at: at(day),
        outcome,
        rows: 1,
        gaps: Vec::new(),
    };
    open.add(dataset, &RowBatch::of(dataset, rows).unwrap()).unwrap();
    open.add_report(report).unwrap();
    open.commit(at(day)).unwrap();
}

fn lake(root: &Path) -> LakeStore {
    let store = LakeStore::new(root.to_path_buf(), "0");
    run(&store, "first", "offering", 1, ScopeOutcome::Complete, "v1");
    run(&store, "second", "offering", 2, ScopeOutcome::Complete, "v2");
    run(&store, "same", "offering", 3, ScopeOutcome::Unchanged, "v2");
    run(&store, "spot-a", "spot_price", 4, ScopeOutcome::Complete, "");
    run(&store, "spot-b", "spot_price", 5, ScopeOutcome::Complete, "");
    run(&store, "spot-c", "spot_price", 6, ScopeOutcome::Complete, "");
    store
}

/// The rows of each dataset, the runs of the log and its gaps.
fn contents(store: &LakeStore) -> (Vec<(String, u64)>, Vec<String>, Vec<String>) {
    let shown = store.read_content().unwrap().unwrap();
    let held = shown.held.into_iter().filter(|(name, _)| name != "collection_run");
    let mut runs: Vec<String> = shown.log.iter().map(|row| row.run_id.clone()).collect();
    runs.sort();
    let gaps: BTreeSet<String> = shown.log.into_iter().flat_map(|row| row.gaps).collect();
    (held.map(|(name, size)| (name, size.rows)).collect(), runs, gaps.into_iter().collect())
}

fn listed(store: &LakeStore) -> Vec<DataFile> {
    PinnedManifest::newest_with_damage(&store.root()).unwrap().unwrap().manifest.files
}

/// The path of the only listed file with this text in its path.
fn path_with(store: &LakeStore, text: &str) -> PathBuf {
    let files = listed(store);
    let mut found = files.iter().filter(|file| file.path.contains(text));
    let path = store.root().join(&found.next().unwrap().path);
    assert!(found.next().is_none(), "{text}");
    path
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[8] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_dropped_run_leaves_no_row_and_no_report_of_no_change() {
    let check = |is_compacted: bool, runs: &[&str], rows: &[(&str, u64)], expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let store = lake(&folder.path().join("lake"));
        if is_compacted {
            store.compact(at(7), false).unwrap();
        }
        let runs: Vec<String> = runs.iter().map(|run| run.to_string()).collect();
        let before = contents(&store);
        let planned = store.drop_runs(&runs, at(8), true).unwrap();
        assert_eq!((planned.manifest, contents(&store)), (None, before));
        let done = store.drop_runs(&runs, at(8), false).unwrap();
        assert!(done.manifest.is_some());
        assert_eq!(planned.datasets, done.datasets);
        let rows = rows.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
        let expected = expected.iter().map(|run| run.to_string()).collect();
        assert_eq!(contents(&store), (rows, expected, Vec::new()));
        assert!(store.verify().unwrap().unwrap().damaged.is_empty());
        // The same run may be added again.
        assert!(store.begin(&runs[0]).unwrap().is_some());
        assert_eq!(store.drop_runs(&runs, at(9), false).unwrap().manifest, None);
    };
    for is_compacted in [false, true] {
        let spot = ["first", "second", "spot-a", "spot-b", "spot-c"];
        check(
            is_compacted,
            &["second"],
            &[("offering", 1), ("spot_price", 3)],
            &[spot[0], spot[2], spot[3], spot[4]],
        );
        check(
            is_compacted,
            &["first"],
            &[("offering", 1), ("spot_price", 3)],
            &["same", "second", "spot-a", "spot-b", "spot-c"],
        );
        check(
            is_compacted,
            &["spot-a"],
            &[("offering", 2), ("spot_price", 2)],
            &["first", "same", "second", "spot-b", "spot-c"],
        );
        check(
            is_compacted,
            &["spot-b", "same"],
            &[("offering", 2), ("spot_price", 2)],
            &["first", "second", "spot-a", "spot-c"],
        );
    }
}

#[test]
fn a_damaged_run_can_be_dropped() {
    for damage in [|path: &Path| flip(path), |path: &Path| fs::remove_file(path).unwrap()] {
        for text in ["offering/v=1/second", "collection_run/v=1/second"] {
            let folder = tempfile::tempdir().unwrap();
            let store = lake(&folder.path().join("lake"));
            damage(&path_with(&store, text));
            store.drop_runs(&["second".into()], at(8), false).unwrap();
            assert_eq!(contents(&store).1, ["first", "spot-a", "spot-b", "spot-c"]);
        }
    }
}

#[test]
fn another_damaged_file_is_named_and_nothing_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let store = lake(&folder.path().join("lake"));
    fs::remove_file(path_with(&store, "offering/v=1/second")).unwrap();
    let error = store.drop_runs(&["first".into()], at(8), false).unwrap_err().to_string();
    assert!(error.contains("lake/offering/v=1/second.parquet is damaged"), "{error}");
    assert_eq!(listed(&store).len(), 11);
}

#[test]
fn damaged_files_go_with_their_entries_in_the_log() {
    let check = |is_compacted: bool, text: &str, rows: &[(&str, u64)], runs: &[&str], gaps: usize| {
        let folder = tempfile::tempdir().unwrap();
        let store = lake(&folder.path().join("lake"));
        if is_compacted {
            store.compact(at(7), false).unwrap();
        }
        assert_eq!(store.drop_damaged(at(8), false).unwrap().manifest, None);
        flip(&path_with(&store, text));
        let verified = store.verify().unwrap().unwrap();
        assert_eq!((verified.files as usize, verified.damaged.len()), (listed(&store).len(), 1));
        let planned = store.drop_damaged(at(8), true).unwrap();
        let done = store.drop_damaged(at(8), false).unwrap();
        assert_eq!((planned.manifest, planned.datasets), (None, done.datasets));
        let found = contents(&store);
        let rows: Vec<_> = rows.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
        assert_eq!(
            (found.0, found.1, found.2.len()),
            (rows, runs.iter().map(|run| run.to_string()).collect(), gaps),
            "{text}"
        );
        assert!(store.verify().unwrap().unwrap().damaged.is_empty());
    };
    let all = ["first", "same", "second", "spot-a", "spot-b", "spot-c"];
    check(
        false,
        "offering/v=1/second",
        &[("offering", 1), ("spot_price", 3)],
        &["first", "spot-a", "spot-b", "spot-c"],
        0,
    );
    check(false, "collection_run/v=1/first", &[("offering", 1), ("spot_price", 3)], &all[1..], 0);
    check(
        false,
        "spot_price/v=1/spot-a",
        &[("offering", 2), ("spot_price", 2)],
        &["first", "same", "second", "spot-b", "spot-c"],
        0,
    );
    check(true, "family=m7i", &[("offering", 2), ("spot_price", 1)], &all, 1);
    check(true, "collection_run/v=1/compacted", &[("spot_price", 3)], &[], 0);
}

#[test]
fn dropping_makes_no_lake_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("lake");
    let store = LakeStore::new(root.clone(), "0");
    assert_eq!(store.drop_runs(&["a".into()], at(1), false).unwrap(), compact::no_changes());
    assert_eq!(store.drop_damaged(at(1), false).unwrap(), compact::no_changes());
    assert!(store.verify().unwrap().is_none() && !root.exists());
}
