//! Spot prices, from an import to an answer. The answer does not depend on the order or the overlap
//! of imports, or on compaction.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::{Ask, RetentionRule, ScopeOutcome, ScopeReport, Store};
use catalog::{ColumnValues, Question, RowBatch, TextColumn, Value, dataset, question};
use domain::{Decimal, Timestamp};
use lake::PinnedManifest;
use lake_writer::LakeStore;
use proptest::prelude::*;
use warehouse::{Warehouse, WarehouseSource};

const TYPES: [&str; 3] = ["m7i.large", "m7i.xlarge", "c7g.large"];
const ZONES: [&str; 2] = ["use1-az1", "use1-az2"];
const HOURS: i64 = 5;

/// Type, zone, hour, price in tenths of a dollar; 0 is an unknown price.
type TestObservation = (usize, usize, i64, i64);

fn hour(hour: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + hour * 3600).unwrap()
}

fn batch(rows: &[TestObservation]) -> RowBatch {
    let mut fields = dataset("spot_price").unwrap().fields();
    fields.retain(|field| field.name != "run_id");
    let words = |text: &dyn Fn(&TestObservation) -> &'static str| {
        let mut words = TextColumn::default();
        rows.iter().for_each(|row| words.push(Some(text(row))));
        ColumnValues::Text(words)
    };
    let price = |row: &TestObservation| (row.3 > 0).then(|| i128::from(row.3) * 1_000_000_000);
    let cells = |name: &str| match name {
        "observed_at" => {
            ColumnValues::Timestamp(rows.iter().map(|row| Some(hour(row.2).as_microsecond())).collect())
        }
        "price_per_hour" => ColumnValues::Decimal(rows.iter().map(price).collect()),
        "instance_type" => words(&|row| TYPES[row.0]),
        "az_id" => words(&|row| ZONES[row.1]),
        "region" => words(&|_| "us-east-1"),
        "product" => words(&|_| "linux"),
        _ => words(&|_| "USD"),
    };
    let cells = fields.iter().map(|field| cells(&field.name)).collect();
    RowBatch { fields, cells }
}

fn import(store: &LakeStore, run: &str, rows: &[TestObservation]) {
    let spot = dataset("spot_price").unwrap();
    let mut open = store.begin(run).unwrap().unwrap();
    open.add(spot, &batch(rows)).unwrap();
    let instants = || rows.iter().map(|row| hour(row.2));
    open.add_report(ScopeReport {
        dataset: spot,
        scope: "us-east-1".into(),
        source: "a test".into(),
        version: None,
        observed_from: instants().min().unwrap(),
        observed_at: instants().max().unwrap(),
        outcome: ScopeOutcome::Complete,
        rows: rows.len() as u64,
        gaps: Vec::new(),
    })
    .unwrap();
    open.commit(hour(0)).unwrap();
}

/// Zone, price, instant: the answer of `spot/latest`.
type LatestSpotPrices = Vec<(String, Option<Decimal>, Timestamp)>;

/// Returns the answer that follows from the observations, computed in a simple and slow way.
fn expected(all: &BTreeSet<TestObservation>, of: usize, as_of: i64) -> LatestSpotPrices {
    let mut zones: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
    for (_, zone, hour, price) in all.iter().filter(|row| row.0 == of && row.2 <= as_of) {
        let newest = zones.entry(*zone).or_insert((*hour, *price));
        *newest = (*newest).max((*hour, *price));
    }
    let price = |tenths: i64| (tenths > 0).then(|| Decimal::new(tenths, 1));
    zones.into_iter().map(|(zone, (at, tenths))| (ZONES[zone].into(), price(tenths), hour(at))).collect()
}

fn open(store: &LakeStore) -> Warehouse {
    let pinned = PinnedManifest::newest(&store.root()).unwrap().unwrap();
    let source = WarehouseSource { root: pinned.root.clone(), manifest: pinned.manifest.clone() };
    let mut warehouse = Warehouse::open(vec![source], None, &[], None).unwrap();
    warehouse.keep(Box::new(pinned));
    warehouse
}

fn answer(warehouse: &Warehouse, question: &Question, of: usize, as_of: i64) -> LatestSpotPrices {
    let given = [("type", TYPES[of].to_string()), ("as_of", hour(as_of).to_string())];
    let given = given.map(|(name, value)| (name.to_string(), value));
    let page = warehouse.ask(question, &question.bind(&given, hour(0)).unwrap()).unwrap();
    let row = |row: &Vec<Value>| match row.as_slice() {
        [_, Value::Text(zone), price, _, Value::Timestamp(at)] => {
            let price = match price {
                Value::Decimal(price) => Some(price.normalize()),
                _ => None,
            };
            (zone.clone(), price, *at)
        }
        other => panic!("{other:?}"),
    };
    let mut answer: LatestSpotPrices = page.rows.iter().map(row).collect();
    answer.sort();
    answer
}

/// Returns the same question without its instance type parameter, so that it reads all files.
fn over_all_files(latest: &Question) -> Question {
    let text = latest.text.replace("-- $type type", "-- $type text");
    assert_ne!(text, latest.text);
    Question { name: "spot/latest", text: Box::leak(text.into_boxed_str()) }
}

fn check(store: &LakeStore, all: &BTreeSet<TestObservation>, from: i64, whole: &Question) {
    let warehouse = open(store);
    for (of, name) in TYPES.iter().enumerate() {
        for as_of in from..=HOURS {
            let found = answer(&warehouse, question("spot/latest").unwrap(), of, as_of);
            assert_eq!(found, expected(all, of, as_of), "{name} at {as_of}");
            if as_of == HOURS {
                assert_eq!(answer(&warehouse, whole, of, as_of), found);
            }
        }
    }
}

fn rows(store: &LakeStore) -> usize {
    let pinned = PinnedManifest::newest(&store.root()).unwrap().unwrap();
    let spot = pinned.manifest.files.iter().filter(|file| file.dataset == "spot_price");
    spot.map(|file| file.rows as usize).sum()
}

fn observations() -> impl Strategy<Value = Vec<TestObservation>> {
    let one = (0..TYPES.len(), 0..ZONES.len(), 0..HOURS, 0..4i64);
    proptest::collection::vec(one, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_imports_changes_no_answer(
        imports in proptest::collection::vec((observations(), any::<bool>()), 1..5),
        first in any::<prop::sample::Index>(),
        cut in 0..HOURS,
    ) {
        let whole = over_all_files(question("spot/latest").unwrap());
        let all: BTreeSet<TestObservation> = imports.iter().flat_map(|(rows, _)| rows.clone()).collect();
        let turned = first.index(imports.len());
        let mut orders = [imports.clone(), imports];
        orders[1].rotate_left(turned);
        orders[1].reverse();
        for order in orders {
            let folder = tempfile::tempdir().unwrap();
            let store = LakeStore::new(folder.path().join("lake"), "test");
            for (at, (rows, fold)) in order.iter().enumerate() {
                import(&store, &format!("run-{at}"), rows);
                if *fold {
                    store.compact(hour(0), false).unwrap();
                }
            }
            prop_assert_eq!(rows(&store), all.len(), "each observation is there once");
            check(&store, &all, -1, &whole);
            store.compact(hour(0), false).unwrap();
            prop_assert_eq!(rows(&store), all.len());
            check(&store, &all, -1, &whole);
            store.prune(RetentionRule::Since(hour(cut)), hour(0), false).unwrap();
            check(&store, &all, cut, &whole);
        }
    }
}

/// One process answers several questions: a dataset that was empty for one question need not be
/// empty for the next.
#[test]
fn repeated_questions_do_not_reuse_earlier_results() {
    let whole = over_all_files(question("spot/latest").unwrap());
    for price in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let store = LakeStore::new(folder.path().join("lake"), "test");
        import(&store, "run-0", &[(2, 0, 0, price)]);
        check(&store, &BTreeSet::from([(2, 0, 0, price)]), -1, &whole);
        store.compact(hour(0), false).unwrap();
        check(&store, &BTreeSet::from([(2, 0, 0, price)]), -1, &whole);
    }
}
