//! Bundles: their contents, their import, and refused ones.

use catalog::ports::{ScopeOutcome, ScopeReport, Store};
use catalog::{Dataset, RowBatch, Value};

use super::*;
use crate::LakeStore;

const ACCOUNT: &str = "111122223333";

fn at(day: i64) -> Timestamp {
    Timestamp::from_microsecond(day * 86_400_000_000).unwrap()
}

fn row(dataset: &Dataset, cells: &[(&str, Value)]) -> Vec<Value> {
    let cell = |name: &str| cells.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    dataset.columns.iter().map(|column| cell(column.name).unwrap_or(Value::Null)).collect()
}

fn report(dataset: &'static Dataset, scope: &str, day: i64, rows: u64) -> ScopeReport {
    ScopeReport {
        dataset,
        scope: scope.into(),
        source: "a test".into(),
        version: None,
        observed_from: at(day),
        observed_at: at(day),
        outcome: ScopeOutcome::Complete,
        rows,
        gaps: Vec::new(),
    }
}

fn run(store: &LakeStore, run_id: &str, name: &str, scope: &str, day: i64, rows: Vec<Vec<Value>>) {
    let dataset = dataset(name).unwrap();
    let mut open = store.begin(run_id).unwrap().unwrap();
    let count = rows.len() as u64;
    open.add(dataset, &RowBatch::of(dataset, rows).unwrap()).unwrap();
    open.add_report(report(dataset, scope, day, count)).unwrap();
    open.commit(at(day)).unwrap();
}

fn offering(kind: &str) -> Vec<Value> {
    let dataset = dataset("offering").unwrap();
    row(
        dataset,
        &[("instance_type", kind.into()), ("region", "us-east-1".into()), ("az_id", "use1-az1".into())],
    )
}

fn spot(day: i64) -> Vec<Value> {
    let dataset = dataset("spot_price").unwrap();
    row(
        dataset,
        &[
            ("observed_at", at(day).into()),
            ("instance_type", "m7i.large".into()),
            ("region", "us-east-1".into()),
            ("az_id", "use1-az1".into()),
            ("product", "linux".into()),
            ("price_per_hour", domain::Decimal::new(day, 2).into()),
            ("currency", "USD".into()),
        ],
    )
}

/// A lake with offerings, spot prices and an instance of an account.
fn lake(root: &Path) -> LakeStore {
    let store = LakeStore::new(root.to_path_buf(), "0");
    run(&store, "offers-1", "offering", "us-east-1", 1, vec![offering("m7i.large")]);
    run(&store, "offers-2", "offering", "us-east-1", 2, vec![offering("m7i.large"), offering("m8i.large")]);
    run(&store, "spot-1", "spot_price", "us-east-1", 3, vec![spot(1), spot(2), spot(3)]);
    let instance = dataset("instance").unwrap();
    let mine = row(instance, &[("account_id", ACCOUNT.into()), ("region", "us-east-1".into())]);
    run(&store, "mine", "instance", &format!("{ACCOUNT}/us-east-1"), 4, vec![mine]);
    store
}

fn good(_: &[u8], seal: &str) -> Result<(), String> {
    if seal == "sealed" { Ok(()) } else { Err("it is not sealed".into()) }
}

fn pack(store: &LakeStore, to: &Path) -> BundleReport {
    store.pack(to, &|_| "sealed".into(), at(9), false).unwrap().unwrap()
}

fn unpack(store: &LakeStore, from: &Path) -> Result<BundleReport, String> {
    store.unpack(from, &good, at(10), false).map_err(|error| error.to_string())
}

/// The rows by dataset, and the run ids of the log.
fn contents(store: &LakeStore) -> (Vec<(String, u64)>, Vec<String>) {
    let shown = store.read_content().unwrap().unwrap();
    let held = shown.held.into_iter().filter(|(name, _)| name != "collection_run");
    let mut runs: Vec<String> = shown.log.into_iter().map(|row| row.run_id).collect();
    runs.sort();
    (held.map(|(name, size)| (name, size.rows)).collect(), runs)
}

#[test]
fn adds_the_public_part_to_another_lake_once() {
    let folder = tempfile::tempdir().unwrap();
    let (first, bundle) = (lake(&folder.path().join("first")), folder.path().join("bundle"));
    first.compact(at(5), false).unwrap();
    let packed = pack(&first, &bundle);
    assert_eq!((packed.rows, packed.kept), (6, 0));
    let second = LakeStore::new(folder.path().join("second"), "0");
    // The second lake has one of the runs and one of the prices already.
    run(&second, "offers-1", "offering", "us-east-1", 1, vec![offering("m7i.large")]);
    run(&second, "own", "spot_price", "us-east-1", 2, vec![spot(2)]);
    let taken = unpack(&second, &bundle).unwrap();
    assert_eq!((taken.rows, taken.kept, taken.manifest), (6, 4, Some(3)));
    let expected: Vec<(String, u64)> =
        [("offering", 3), ("spot_price", 3)].map(|(name, rows)| (name.to_string(), rows)).to_vec();
    assert_eq!(
        contents(&second),
        (expected, ["offers-1", "offers-2", "own", "spot-1"].map(String::from).to_vec())
    );
    let again = unpack(&second, &bundle).unwrap();
    assert_eq!((again.kept, again.manifest), (0, Some(3)));
    // Rows from a bundle can be compacted and packed like collected ones.
    second.compact(at(11), false).unwrap();
    assert_eq!(pack(&second, &folder.path().join("other")).rows, 6);
    assert!(second.begin("offers-2").unwrap().is_none());
}

#[test]
fn contains_nothing_of_an_account() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bundle) = (lake(&folder.path().join("lake")), folder.path().join("bundle"));
    pack(&store, &bundle);
    let third = LakeStore::new(folder.path().join("third"), "0");
    unpack(&third, &bundle).unwrap();
    let (held, runs) = contents(&third);
    assert!(held.iter().all(|(name, _)| name != "instance"));
    assert_eq!(runs, ["offers-1", "offers-2", "spot-1"]);
}

#[test]
fn refuses_changed_or_truncated_bundles_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bundle) = (lake(&folder.path().join("lake")), folder.path().join("bundle"));
    pack(&store, &bundle);
    let bytes = fs::read(&bundle).unwrap();
    let target = folder.path().join("target");
    let check = |bytes: &[u8], why: &str| {
        fs::write(&bundle, bytes).unwrap();
        let store = LakeStore::new(target.clone(), "0");
        let refused = unpack(&store, &bundle).expect_err(why);
        assert!(refused.contains(why), "{refused}");
        assert!(store.read_content().unwrap().is_none());
        let left = fs::read_dir(target.join("manifest")).map(|entries| entries.count()).unwrap_or(0);
        assert_eq!(left, 0);
    };
    check(b"", "it is not a bundle");
    check(&bytes[512..], "it is not a bundle");
    // A cut or a change in any part is detected. The archive ends in two empty blocks.
    for end in (1536..bytes.len() - 1024).step_by(700) {
        let refused = {
            fs::write(&bundle, &bytes[..end]).unwrap();
            unpack(&LakeStore::new(target.clone(), "0"), &bundle)
        };
        assert!(refused.is_err(), "cut at {end} of {}", bytes.len());
    }
    let at = bytes.windows(4).rposition(|window| window == b"PAR1").unwrap() - 20;
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    check(&changed, "does not match the list");
    let unsealed = String::from_utf8_lossy(&bytes).find("sealed").unwrap();
    let mut changed = bytes.clone();
    changed[unsealed] = b'S';
    check(&changed, "it is not sealed");
}

/// Rewrites a bundle: `change` gets its list and the bytes of each listed file.
fn rewrite(bundle: &Path, change: &dyn Fn(&mut BundleList, &mut Vec<Vec<u8>>)) {
    let opened = VerifiedBundle::open(bundle, &good).unwrap();
    let mut files = Vec::new();
    opened
        .each(|_, entry| {
            files.push(Vec::new());
            entry.read_to_end(files.last_mut().unwrap()).map(|_| ())
        })
        .unwrap();
    let mut list = opened.list;
    change(&mut list, &mut files);
    let mut archive = tar::Builder::new(File::create(bundle).unwrap());
    let text = serde_json::to_vec(&list).unwrap();
    append(&mut archive, LIST, text.len() as u64, &mut &text[..]).unwrap();
    append(&mut archive, SEAL, 6, &mut &b"sealed"[..]).unwrap();
    for (file, bytes) in list.files.iter().zip(&files) {
        append(&mut archive, &file.path, bytes.len() as u64, &mut &bytes[..]).unwrap();
    }
    archive.finish().unwrap();
}

/// Gives the first file of a list other bytes, with their size and digest.
fn replace_first(list: &mut BundleList, files: &mut [Vec<u8>], bytes: Vec<u8>) {
    list.files[0].bytes = bytes.len() as u64;
    list.files[0].sha256 = lake::sha256(&bytes);
    files[0] = bytes;
}

/// Returns a Parquet file of one row, in which the text columns have these values.
fn parquet(columns: &[(&str, &str)]) -> Vec<u8> {
    let fields =
        columns.iter().map(|(name, _)| catalog::Field::new(*name, catalog::ValueType::Text)).collect();
    let rows = vec![columns.iter().map(|(_, text)| (*text).into()).collect()];
    crate::parquet_bytes(&catalog::Page { fields, rows }).unwrap()
}

#[test]
fn refuses_broken_files_of_a_trusted_signer_and_leaves_the_lake_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let first = lake(&folder.path().join("first"));
    type Change<'a> = &'a dyn Fn(&mut BundleList, &mut Vec<Vec<u8>>);
    let check = |change: Change<'_>, why: &str| {
        let (bundle, root) = (folder.path().join("bundle"), folder.path().join("second"));
        let _ = fs::remove_dir_all(&root);
        pack(&first, &bundle);
        rewrite(&bundle, change);
        let second = LakeStore::new(root.clone(), "0");
        run(&second, "own", "spot_price", "us-east-1", 2, vec![spot(2)]);
        let before = contents(&second);
        for dry_run in [true, false] {
            let refused = second.unpack(&bundle, &good, at(10), dry_run).expect_err(why).to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert_eq!(contents(&second), before);
        assert!(
            !root.join("lake/offering").exists()
                || fs::read_dir(root.join("lake/offering/v=1")).unwrap().count() == 0
        );
    };
    let key = [("instance_type", "m7i.large"), ("region", "us-east-1"), ("az_id", "use1-az1")];
    let with = |more: &[(&'static str, &'static str)]| parquet(&[&key[..], more].concat());
    check(
        &|list, files| replace_first(list, files, b"PAR1 no Parquet PAR1".to_vec()),
        "cannot be read as Parquet",
    );
    check(&|list, files| replace_first(list, files, with(&[])), "has no column run_id");
    check(
        &|list, files| replace_first(list, files, parquet(&[key[0], key[1], ("run_id", "offers-1")])),
        "has no column az_id",
    );
    check(
        &|list, files| replace_first(list, files, with(&[("run_id", "offers-9")])),
        "has rows of another run",
    );
    let other_type = |files: &mut Vec<Vec<u8>>| {
        let fields = ["instance_type", "region", "az_id", "run_id"]
            .map(|name| catalog::Field::new(name, catalog::ValueType::Int));
        let rows = vec![vec![Value::Int(1); 4]];
        let bytes = crate::parquet_bytes(&catalog::Page { fields: fields.to_vec(), rows }).unwrap();
        files.push(bytes);
        files.pop().unwrap()
    };
    check(
        &|list, files| {
            let bytes = other_type(files);
            replace_first(list, files, bytes)
        },
        "has a column instance_type of type i64 instead of",
    );
    check(&|list, _| list.files[0].rows += 1, "rows instead of");
    check(&|list, _| list.files[0].rows = u64::MAX, "an absurd size");
    check(&|list, _| list.files[0].bytes = 1 << 50, "cut short");
    check(
        &|list, files| {
            list.files.insert(0, list.files[0].clone());
            files.insert(0, files[0].clone());
        },
        "twice",
    );
    let cut_pages = |list: &mut BundleList, files: &mut Vec<Vec<u8>>| {
        let mut bytes = files[0].clone();
        let half = bytes.len() / 3;
        bytes[4..half].fill(0xff);
        replace_first(list, files, bytes);
    };
    check(&cut_pages, "is damaged");
    // A file without an entry in the log would never be shown, and be adopted again and again.
    check(
        &|list, files| {
            list.files[0].path = "lake/offering/v=1/unknown.parquet".into();
            replace_first(list, files, with(&[("run_id", "unknown")]));
            list.files[0].rows = 1;
        },
        "is of a run that is not in its log",
    );
}

#[test]
fn an_entry_that_claims_another_size_or_kind_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (store, bundle) = (lake(&folder.path().join("lake")), folder.path().join("bundle"));
    pack(&store, &bundle);
    let bytes = fs::read(&bundle).unwrap();
    let list = VerifiedBundle::open(&bundle, &good).unwrap().list;
    let name = list.files[0].path.as_bytes();
    let header = bytes.windows(name.len()).rposition(|window| window == name).unwrap();
    let check = |kind: u8, size: &[u8; 12]| {
        let mut changed = bytes.clone();
        changed[header + 156] = kind;
        changed[header + 124..header + 136].copy_from_slice(size);
        changed[header + 148..header + 156].fill(b' ');
        let sum: u32 = changed[header..header + 512].iter().map(|byte| u32::from(*byte)).sum();
        changed[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        fs::write(&bundle, changed).unwrap();
        let target = LakeStore::new(folder.path().join("target"), "0");
        let refused = unpack(&target, &bundle).unwrap_err();
        assert!(refused.contains("does not match the list"), "{refused}");
    };
    let size: [u8; 12] = bytes[header + 124..header + 136].try_into().unwrap();
    // A sparse file, a link, a folder, a name of the next entry, a larger file.
    for kind in *b"S25L" {
        check(kind, &size);
    }
    check(b'0', b"77777777777\0");
}

#[test]
fn accepts_only_paths_that_a_lake_would_use() {
    let check = |dataset: &str, version: u32, path: &str, good: bool| {
        let file = DataFile {
            dataset: dataset.into(),
            version,
            path: path.into(),
            rows: 1,
            bytes: 1,
            sha256: String::new(),
        };
        assert_eq!(check_place(&file).is_ok(), good, "{path}");
    };
    check("price", 1, "lake/price/v=1/a-b.parquet", true);
    check("spot_price", 1, "lake/spot_price/v=1/family=m7i/compacted-3.parquet", true);
    check("collection_run", 1, "lake/collection_run/v=1/compacted-bundle.parquet", true);
    check("instance", 1, "lake/instance/v=1/a.parquet", false);
    check("price", 99, "lake/price/v=99/a.parquet", false);
    check("price", 1, "lake/offering/v=1/a.parquet", false);
    check("price", 1, "lake/price/v=1/../../../a.parquet", false);
    check("price", 1, "lake/price/v=1/family=x/../a.parquet", false);
    check("price", 1, "lake/price/v=1/.a.parquet", false);
    check("price", 1, "lake/price/v=1/a.sh", false);
    check("price", 1, "/lake/price/v=1/a.parquet", false);
    check("nothing", 1, "lake/nothing/v=1/a.parquet", false);
}
