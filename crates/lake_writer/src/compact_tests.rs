//! Compaction and pruning: rows that stay, rows that go, and the state that a reader sees.

use catalog::ports::{RetentionRule, ScopeOutcome, ScopeReport, Store};
use catalog::{ColumnValues, RowBatch, TextColumn};

use catalog::dataset;
use lake::PinnedManifest;

use super::*;
use crate::LakeStore;

const DAY: i64 = 86_400_000_000;

fn day(day: i64) -> Timestamp {
    Timestamp::from_microsecond(day * DAY).unwrap()
}

/// One price of a run: type, day, price in units of 10^-10 (none is null). The zone is always the
/// same.
type SpotPriceSample = (&'static str, i64, Option<i128>);

fn batch(rows: &[SpotPriceSample]) -> RowBatch {
    let fields = dataset("spot_price").unwrap().fields();
    let fields: Vec<_> = fields.into_iter().filter(|field| field.name != "run_id").collect();
    let words = |text: &dyn Fn(&SpotPriceSample) -> &'static str| {
        let mut words = TextColumn::default();
        rows.iter().for_each(|row| words.push(Some(text(row))));
        ColumnValues::Text(words)
    };
    let cells = |name: &str| match name {
        "observed_at" => ColumnValues::Timestamp(rows.iter().map(|row| Some(row.1 * DAY)).collect()),
        "price_per_hour" => ColumnValues::Decimal(rows.iter().map(|row| row.2).collect()),
        "instance_type" => words(&|row| row.0),
        "region" => words(&|_| "us-east-1"),
        "az_id" => words(&|_| "use1-az1"),
        "product" => words(&|_| "linux"),
        _ => words(&|_| "USD"),
    };
    let cells = fields.iter().map(|field| cells(&field.name)).collect();
    RowBatch { fields, cells }
}

fn report(name: &'static str, at: i64, rows: u64) -> ScopeReport {
    ScopeReport {
        dataset: dataset(name).unwrap(),
        scope: "us-east-1".into(),
        source: "a test".into(),
        version: None,
        observed_from: day(at),
        observed_at: day(at),
        outcome: ScopeOutcome::Complete,
        rows,
        gaps: Vec::new(),
    }
}

fn import(store: &LakeStore, run: &str, rows: &[SpotPriceSample]) -> u64 {
    let mut open = store.begin(run).unwrap().unwrap();
    open.add(dataset("spot_price").unwrap(), &batch(rows)).unwrap();
    let newest = rows.iter().map(|row| row.1).max().unwrap_or_default();
    open.add_report(report("spot_price", newest, rows.len() as u64)).unwrap();
    open.commit(day(0)).unwrap().rows()
}

/// Every visible observation in the order of the files, as `family: type day price`.
fn shown(store: &LakeStore) -> Vec<String> {
    let pinned = PinnedManifest::newest(&store.root()).unwrap().unwrap();
    let mut all = Vec::new();
    for file in pinned.manifest.files.iter().filter(|file| file.dataset == "spot_price") {
        let mut prices = SpotPriceSet::default();
        read_all(&mut prices, &pinned.root, file).unwrap();
        assert_eq!(prices.len() as u64, file.rows);
        let frame = prices.frame(dataset("spot_price").unwrap(), 0..prices.len()).unwrap();
        for (row, change) in prices.changes().iter().enumerate() {
            let price = frame.column("price_per_hour").unwrap().get(row).unwrap().to_string();
            let (family, name) = (file.family().unwrap_or("-"), prices.instance_type(change));
            all.push(format!("{family}: {name} {} {price}", change.at / DAY));
        }
    }
    all
}

fn store() -> (tempfile::TempDir, LakeStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LakeStore::new(folder.path().join("lake"), "test");
    (folder, store)
}

const P: Option<i128> = Some(5_000_000_000);
const Q: Option<i128> = Some(6_000_000_000);

#[test]
fn compacts_runs_by_family_without_losing_rows() {
    let (_folder, store) = store();
    let dry = store.compact(day(0), true).unwrap();
    assert_eq!(dry, no_changes());
    assert_eq!(store.compact(day(0), false).unwrap(), no_changes());
    assert!(!store.root().exists(), "where there is no lake, none is made");
    import(&store, "b", &[("m7i.large", 3, P), ("c7g.large", 3, Q), ("mac2.metal", 3, P)]);
    import(&store, "a", &[("m7i.large", 1, P), ("m7i.large", 2, None), ("mac2-m1ultra.metal", 1, Q)]);
    assert_eq!(store.compact(day(0), true).unwrap().manifest, None);
    assert_eq!(store.compact(day(0), false).unwrap().manifest, Some(3));
    let expected = [
        "c7g: c7g.large 3 0.6000000000",
        "m7i: m7i.large 1 0.5000000000",
        "m7i: m7i.large 2 null",
        "m7i: m7i.large 3 0.5000000000",
        "mac2-m1ultra: mac2-m1ultra.metal 1 0.6000000000",
        "mac2: mac2.metal 3 0.5000000000",
    ];
    let mut found = shown(&store);
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(store.compact(day(0), false).unwrap().manifest, None, "there is nothing left to compact");
    // Only families with new rows are written again.
    let files = |store: &LakeStore| -> Vec<DataFile> {
        PinnedManifest::newest(&store.root()).unwrap().unwrap().manifest.files.clone()
    };
    let before = files(&store);
    import(&store, "c", &[("c7g.large", 4, P)]);
    store.compact(day(0), false).unwrap();
    let kept: Vec<DataFile> = files(&store).into_iter().filter(|file| before.contains(file)).collect();
    assert_eq!(kept.iter().filter_map(DataFile::family).collect::<Vec<_>>(), ["m7i", "mac2-m1ultra", "mac2"]);
    assert_eq!(files(&store).iter().filter(|file| file.dataset == "collection_run").count(), 1);
}

#[test]
fn compacted_runs_are_still_known() {
    let (_folder, store) = store();
    import(&store, "a", &[("m7i.large", 1, P), ("m7i.large", 2, Q)]);
    import(&store, "b", &[("m7i.large", 1, P)]);
    store.compact(day(0), false).unwrap();
    assert_eq!(store.manifest_with_run("a").unwrap(), Some(3));
    assert_eq!(store.manifest_with_run("b").unwrap(), Some(3), "a run without new rows");
    assert_eq!(store.manifest_with_run("c").unwrap(), None);
    assert!(store.begin("a").unwrap().is_none());
    assert_eq!(import(&store, "c", &[("m7i.large", 2, Q), ("m7i.large", 3, Q), ("m7i.large", 3, Q)]), 1);
}

#[test]
fn an_instance_type_with_slashes_stays_inside_the_folder() {
    let (_folder, store) = store();
    import(&store, "a", &[("../../x.large", 1, P), ("m7i.large", 1, P), ("", 1, Q)]);
    store.compact(day(0), false).unwrap();
    let mut found = shown(&store);
    found.sort();
    assert_eq!(
        found,
        ["-:  1 0.6000000000", "-: ../../x.large 1 0.5000000000", "m7i: m7i.large 1 0.5000000000"]
    );
    assert_eq!(store.compact(day(0), false).unwrap().manifest, None);
}

#[test]
fn pruning_keeps_prices_that_are_still_in_effect() {
    let (_folder, store) = store();
    import(
        &store,
        "a",
        &[("m7i.large", 1, P), ("m7i.large", 5, Q), ("c7g.large", 2, P), ("c7g.large", 8, Q)],
    );
    import(&store, "b", &[("m7i.large", 5, P), ("m7i.large", 9, P)]);
    let keep = RetentionRule::Since(day(6));
    assert_eq!(store.prune(keep, day(0), true).unwrap().manifest, None);
    store.prune(keep, day(0), false).unwrap();
    let mut found = shown(&store);
    found.sort();
    let expected = [
        "c7g: c7g.large 2 0.5000000000",
        "c7g: c7g.large 8 0.6000000000",
        "m7i: m7i.large 5 0.5000000000",
        "m7i: m7i.large 5 0.6000000000",
        "m7i: m7i.large 9 0.5000000000",
    ];
    assert_eq!(found, expected);
    assert_eq!(store.prune(keep, day(0), false).unwrap().manifest, None, "the rest is still in effect");
}

/// Commits runs of offerings on these days and prunes. Returns the runs that are left.
fn left(runs: &[(&'static str, i64, ScopeOutcome)], keep: RetentionRule) -> String {
    let (_folder, store) = store();
    let offering = dataset("offering").unwrap();
    for (run, at, outcome) in runs {
        let mut open = store.begin(run).unwrap().unwrap();
        let cells = ["m7i.large", "us-east-1", "use1-az1"].map(|text| {
            let mut words = TextColumn::default();
            words.push(Some(text));
            ColumnValues::Text(words)
        });
        let fields = offering.fields().into_iter().take(3).collect();
        open.add(offering, &RowBatch { fields, cells: cells.into() }).unwrap();
        open.add_report(ScopeReport { outcome: *outcome, ..report("offering", *at, 1) }).unwrap();
        open.commit(day(0)).unwrap();
    }
    store.prune(keep, day(0), false).unwrap();
    let manifest = PinnedManifest::newest(&store.root()).unwrap().unwrap().manifest.clone();
    let log = RunLog::read(&store.root(), &manifest).unwrap();
    for (run, ..) in runs {
        let file = format!("lake/offering/v=1/{run}.parquet");
        let there = manifest.files.iter().any(|found| found.path == file);
        assert_eq!(store.root().join(&file).exists(), there, "{run}");
        assert_eq!(store.manifest_with_run(run).unwrap().is_some(), there, "a pruned run can be added again");
        let logged = log.rows.iter().find(|row| row.run_id == *run).unwrap();
        assert_eq!(logged.outcome == crate::log::PRUNED, !there, "{run}");
    }
    let names = manifest.files.iter().filter(|file| file.dataset == "offering");
    let stem = |file: &DataFile| Path::new(&file.path).file_stem().unwrap().to_string_lossy().into_owned();
    names.map(stem).collect::<Vec<_>>().join(" ")
}

#[test]
fn pruning_removes_runs_that_were_superseded_before_the_cut() {
    use ScopeOutcome::{Complete, Partial};
    let runs =
        [("a", 1, Complete), ("d", 7, Partial), ("b", 3, Complete), ("c", 5, Complete), ("z", 2, Partial)];
    let check = |keep: RetentionRule, expected: &str| assert_eq!(left(&runs, keep), expected, "{keep:?}");
    check(RetentionRule::Since(day(0)), "a d b c z");
    check(RetentionRule::Since(day(2)), "a d b c z");
    check(RetentionRule::Since(day(3)), "d b c");
    check(RetentionRule::Since(day(4)), "d b c");
    check(RetentionRule::Since(day(5)), "d c");
    check(RetentionRule::Since(day(100)), "d c");
    check(RetentionRule::Runs(1), "d c");
    check(RetentionRule::Runs(2), "d b c");
    check(RetentionRule::Runs(9), "a d b c z");
    assert_eq!(
        left(&[("a", 1, Partial), ("b", 2, Partial)], RetentionRule::Since(day(9))),
        "a b",
        "nothing replaced them"
    );
}

#[test]
fn a_run_larger_than_the_buffer_is_written_as_several_files() {
    let (_folder, store) = store();
    let spot = dataset("spot_price").unwrap();
    let mut open = store.begin("a").unwrap().unwrap();
    // In tests the buffer has ten rows. The second half repeats the first one.
    for days in [0..6, 6..12, 0..6, 6..12, 3..14] {
        let rows: Vec<SpotPriceSample> = days.map(|at| ("m7i.large", at, P)).collect();
        open.add(spot, &batch(&rows)).unwrap();
    }
    let pinned = |store: &LakeStore| {
        PinnedManifest::newest(&store.root()).unwrap().map(|pinned| pinned.manifest.clone())
    };
    assert_eq!(pinned(&store), None, "nothing is visible before the commit");
    open.add_report(report("spot_price", 11, 35)).unwrap();
    let committed = open.commit(day(0)).unwrap();
    assert_eq!((committed.brought.len(), committed.of("spot_price").rows), (1, 14));
    let names: Vec<String> = pinned(&store).unwrap().files.into_iter().map(|file| file.path).collect();
    let expected = [
        "lake/spot_price/v=1/a.parquet",
        "lake/spot_price/v=1/a.2.parquet",
        "lake/collection_run/v=1/a.parquet",
    ];
    assert_eq!(names, expected);
    assert_eq!(shown(&store).len(), 14);
    store.compact(day(0), false).unwrap();
    assert_eq!(shown(&store).len(), 14);
}
