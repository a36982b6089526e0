//! The lake under readers, writers and damage.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use catalog::{Field, Page, Value, ValueType};
use domain::Timestamp;
use tests::Desk;

/// Writes spot history: the hour after 2026-01-01, the region, the zone and the price of each row.
pub(crate) fn write_history_rows(desk: &Desk, name: &str, rows: &[(i64, &str, &str, Value)]) -> PathBuf {
    let fields = vec![
        Field::new("observed_at", ValueType::Timestamp),
        Field::new("instance_type", ValueType::Text),
        Field::new("region", ValueType::Text),
        Field::new("az_id", ValueType::Text),
        Field::new("on_demand_usd", ValueType::Float),
        Field::new("spot_usd", ValueType::Float),
    ];
    let start = domain::parse_instant("2026-01-01").unwrap().as_second();
    let row = |(hour, region, zone, price): &(i64, &str, &str, Value)| {
        let instant = Timestamp::from_second(start + hour * 3600).unwrap();
        vec![instant.into(), "m7i.large".into(), (*region).into(), (*zone).into(), 1.0.into(), price.clone()]
    };
    let page = Page { fields, rows: rows.iter().map(row).collect() };
    let path = desk.home().join(name);
    fs::write(&path, lake_writer::parquet_bytes(&page).unwrap()).unwrap();
    path
}

/// Writes spot history of one zone: rows one hour apart, each price in two rows.
pub(crate) fn write_history(desk: &Desk, name: &str, zone: &str, rows: i64) -> PathBuf {
    let row = |at: i64| (at, "us-east-1", zone, ((5000 + at / 2) as f64 / 10_000.0).into());
    write_history_rows(desk, name, &(0..rows).map(row).collect::<Vec<_>>())
}

pub(crate) fn import(desk: &Desk, file: &Path) -> tests::Ran {
    desk.collector(&["import", "spot-history", &file.to_string_lossy(), "-o", "json"])
}

/// Returns the number of rows of each zone, as `zone:rows`.
fn rows(desk: &Desk) -> String {
    let sql = "SELECT az_id || ':' || count(*) AS z FROM spot_price GROUP BY az_id ORDER BY az_id";
    desk.truffle(&["query", sql, "-o", "csv", "-q"])
        .expect_success()
        .lines()
        .skip(1)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(crate) fn lake(desk: &Desk) -> PathBuf {
    desk.home().join(".local/share/mycelium")
}

#[test]
fn visible_rows_are_not_stored_again() {
    let desk = Desk::default();
    let (all, part) = (
        write_history(&desk, "a.parquet", "use1-az1", 100),
        write_history(&desk, "b.parquet", "use1-az1", 40),
    );
    import(&desk, &all).expect_success();
    for _ in 0..2 {
        let found = import(&desk, &part).expect_success();
        assert!(found.contains("\"rows_kept\": 0") && found.contains("\"manifest\": 2"), "{found}");
    }
    assert_eq!(rows(&desk), "use1-az1:100");
    let sql = "SELECT count(*) AS n FROM collection_run WHERE dataset = 'spot_price'";
    assert_eq!(desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success(), "n\n2\n");
}

#[test]
fn an_import_is_visible_and_stored_once() {
    let desk = Desk::default();
    let file = write_history(&desk, "a.parquet", "use1-az1", 100);
    let dry = desk.collector(&["import", "spot-history", &file.to_string_lossy(), "--dry-run", "-o", "json"]);
    assert!(dry.clone().expect_success().contains("\"rows_kept\": 100"), "{dry:?}");
    assert!(!lake(&desk).exists(), "a dry run writes nothing");
    let first = import(&desk, &file).expect_success();
    assert!(first.contains("\"rows_read\": 100") && first.contains("\"rows_kept\": 100"), "{first}");
    assert_eq!(rows(&desk), "use1-az1:100");
    let again = import(&desk, &file);
    assert!(again.err.contains("nothing was added: the lake already has these rows"), "{again:?}");
    assert!(again.expect_success().contains("\"rows_kept\": 0"));
    import(&desk, &write_history(&desk, "b.parquet", "use1-az2", 50)).expect_success();
    assert_eq!(rows(&desk), "use1-az1:100 use1-az2:50");
    let latest =
        desk.truffle(&["query", "spot/latest", "--param", "type=m7i.large", "-o", "ndjson"]).expect_success();
    assert!(
        latest.contains("\"az_id\":\"use1-az1\"") && latest.contains("\"price_per_hour\":0.5049"),
        "{latest}"
    );
    let earlier =
        ["query", "spot/latest", "--param", "type=m7i.large", "-o", "csv", "--as-of", "2026-01-01T00:00:00Z"];
    assert!(
        desk.truffle(&earlier).expect_success().contains(",0.5,"),
        "the first price is valid at the first instant"
    );
}

/// Returns the price of the only zone as of an hour of 2026-01-01.
fn price_at(desk: &Desk, hour: i64) -> String {
    let as_of = format!("2026-01-01T{hour:02}:00:00Z");
    let words = ["query", "spot/latest", "--param", "type=m7i.large", "-o", "csv", "-q", "--as-of", &as_of];
    let answer = desk.truffle(&words).out;
    answer.lines().nth(1).and_then(|line| line.split(',').nth(2)).unwrap_or("none").to_string()
}

#[test]
fn a_late_price_changes_only_later_answers() {
    let desk = Desk::default();
    let at = |hour: i64, price: f64| (hour, "us-east-1", "use1-az1", price.into());
    import(&desk, &write_history_rows(&desk, "a.parquet", &[at(1, 5.0), at(3, 5.0)])).expect_success();
    import(&desk, &write_history_rows(&desk, "b.parquet", &[at(2, 6.0)])).expect_success();
    let told: Vec<String> = (0..5).map(|hour| price_at(&desk, hour)).collect();
    assert_eq!(told, ["none", "5", "6", "5", "5"]);
}

#[test]
fn each_region_has_a_run_and_its_own_gaps() {
    let desk = Desk::default();
    let rows = [
        (1, "us-east-1", "use1-az1", 0.5.into()),
        (2, "us-east-1", "use1-az1", Value::Null),
        (7, "eu-west-1", "euw1-az1", 0.7.into()),
    ];
    let said = import(&desk, &write_history_rows(&desk, "a.parquet", &rows)).expect_success();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let line = |at: usize| {
        let of = |name: &str| said[at][name].clone();
        (of("scope"), of("rows_read"), of("rows_kept"), of("gaps"))
    };
    assert_eq!(line(0), ("eu-west-1".into(), 1.into(), 1.into(), serde_json::json!([])));
    let unknown = serde_json::json!(["1 of 2 prices are not known"]);
    assert_eq!(line(1), ("us-east-1".into(), 2.into(), 2.into(), unknown));
    // One file has the rows of both regions, so only the sum has its bytes.
    assert_eq!(line(2), (serde_json::Value::Null, 3.into(), 3.into(), serde_json::Value::Null));
    assert!(said[0]["bytes"].is_null() && said[2]["bytes"].as_u64() > Some(0), "{said}");
    let sql = "SELECT scope, outcome, row_count, hour(observed_from) AS a, hour(observed_at) AS b, gaps[1] AS gap \
        FROM collection_run WHERE dataset = 'spot_price' ORDER BY scope";
    let runs = desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success();
    let runs: Vec<&str> = runs.lines().skip(1).collect();
    assert_eq!(runs[0].trim_end_matches(','), "eu-west-1,complete,1,7,7");
    assert_eq!(runs[1], "us-east-1,partial,2,1,2,1 of 2 prices are not known");
}

#[test]
fn the_same_files_in_another_order_are_the_same_import() {
    let desk = Desk::default();
    let a = write_history(&desk, "a.parquet", "use1-az1", 3).to_string_lossy().into_owned();
    let b = write_history(&desk, "b.parquet", "use1-az2", 3).to_string_lossy().into_owned();
    desk.collector(&["import", "spot-history", &a, &b]).expect_success();
    let again = desk.collector(&["import", "spot-history", &b, &a, &b]);
    assert!(again.err.contains("nothing was added: the lake already has these rows"), "{again:?}");
    assert_eq!(rows(&desk), "use1-az1:3 use1-az2:3");
}

#[test]
fn folders_are_accessible_only_to_their_owner() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 3)).expect_success();
    desk.truffle(&["save", "x", "gpu"]).expect_success();
    for folder in
        [".local/share/mycelium", ".local/share/mycelium/manifest", ".cache/mycelium", ".config/mycelium"]
    {
        let mode = fs::metadata(desk.home().join(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
}

#[test]
fn readers_see_only_complete_imports() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "0.parquet", "use1-az0", 10)).expect_success();
    let seen = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 1..=8 {
                let file =
                    write_history(&desk, &format!("{n}.parquet"), &format!("use1-az{n}"), 10 * (n + 1));
                import(&desk, &file).expect_success();
            }
        });
        let mut seen = BTreeSet::new();
        while !writer.is_finished() {
            seen.insert(rows(&desk));
        }
        writer.join().unwrap();
        seen.insert(rows(&desk));
        seen
    });
    for state in &seen {
        for (n, zone) in state.split(' ').enumerate() {
            assert_eq!(zone, format!("use1-az{n}:{}", 10 * (n + 1)), "half an import is visible: {state}");
        }
    }
    assert!(seen.iter().any(|state| state.split(' ').count() == 9), "the last import is visible");
}

#[test]
fn a_killed_import_leaves_a_complete_lake() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "0.parquet", "use1-az0", 5)).expect_success();
    for n in 1..=25 {
        let before = rows(&desk);
        let file = write_history(&desk, "next.parquet", &format!("use1-az{n:02}"), 2000);
        let words = ["import", "spot-history", &file.to_string_lossy(), "-q"];
        let mut child =
            desk.command("collector", &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The kills are spread over the whole run, from before its first write to after its commit.
        std::thread::sleep(Duration::from_millis(4 * n));
        child.kill().unwrap();
        child.wait().unwrap();
        let after = rows(&desk);
        let done = format!("{before} use1-az{n:02}:2000");
        assert!(after == before || after == done, "after kill {n}: {before} became {after}");
    }
    let file = write_history(&desk, "next.parquet", "use1-az99", 7);
    import(&desk, &file).expect_success();
    assert!(rows(&desk).ends_with("use1-az99:7"));
    // The next writer has removed the files of the killed ones.
    let listed: BTreeSet<String> = files(&lake(&desk).join("lake")).into_iter().collect();
    let pinned = lake::PinnedManifest::newest(&lake(&desk)).unwrap().unwrap();
    let visible: BTreeSet<String> = pinned.manifest.files.iter().map(|f| f.path.clone()).collect();
    let listed: BTreeSet<String> = listed.iter().map(|path| format!("lake/{path}")).collect();
    assert_eq!(listed, visible);
    assert_eq!(lake::damaged_files(&lake(&desk), &pinned.manifest), Vec::new());
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|below| format!("{name}/{below}")));
        } else {
            found.push(name);
        }
    }
    found
}

#[test]
fn a_second_writer_is_refused() {
    let desk = Desk::default();
    let file = write_history(&desk, "a.parquet", "use1-az1", 3);
    let held = lake_writer::LakeWriter::open(&lake(&desk)).unwrap();
    let second = import(&desk, &file);
    assert_eq!(second.code, 1, "{second:?}");
    let holder = format!("is being written by process {} on ", std::process::id());
    assert!(second.err.contains(&holder) && second.err.contains("(it-"), "{second:?}");
    // The text of a dead writer is ignored. Whether a writer on another machine runs is unknown.
    let here = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    for (host, expected) in [(here.trim(), "by another process"), ("elsewhere", "on elsewhere (x)")] {
        let said = format!("process {} on {host} (x)", i32::MAX);
        fs::write(lake(&desk).join("writer.lock"), said).unwrap();
        let told = import(&desk, &file).err;
        assert!(told.contains(expected), "{told}");
    }
    drop(held);
    import(&desk, &file).expect_success();
    assert!(fs::read_to_string(lake(&desk).join("writer.lock")).unwrap().contains("import spot-history"));
}

#[test]
fn old_manifests_are_removed_unless_a_reader_pins_them() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "1.parquet", "use1-az1", 3)).expect_success();
    let held = lake::PinnedManifest::newest(&lake(&desk)).unwrap().unwrap();
    assert_eq!(held.manifest.number, 1);
    import(&desk, &write_history(&desk, "2.parquet", "use1-az2", 3)).expect_success();
    import(&desk, &write_history(&desk, "3.parquet", "use1-az3", 3)).expect_success();
    let manifests = || {
        let mut names = files(&lake(&desk).join("manifest"));
        names.sort();
        names.join(" ")
    };
    assert_eq!(manifests(), "1.json 3.json", "a reader pins the first manifest, none the second");
    drop(held);
    import(&desk, &write_history(&desk, "4.parquet", "use1-az4", 3)).expect_success();
    assert_eq!(manifests(), "4.json");
}

/// Returns the exit code and the first line of the error for an unusable folder.
fn status_error(desk: &Desk) -> (i32, String) {
    let ran = desk.truffle(&["status"]);
    (ran.code, ran.err.lines().next().unwrap_or_default().to_string())
}

#[test]
fn a_damaged_lake_is_reported() {
    let check = |damage: &dyn Fn(&Path), expected: &str| {
        let desk = Desk::default();
        import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 3)).expect_success();
        damage(&lake(&desk));
        let (code, sentence) = status_error(&desk);
        assert_eq!(code, 4, "{sentence}");
        assert!(sentence.contains(expected), "{sentence}");
    };
    let manifest = |root: &Path, from: &str, to: &str| {
        let path = root.join("manifest/1.json");
        let text = fs::read_to_string(&path).unwrap().replace(from, to);
        fs::write(path, text).unwrap();
    };
    check(
        &|root| manifest(root, "\"format\": 1", "\"format\": 2"),
        "has format 2, and this version reads up to 1",
    );
    check(&|root| manifest(root, "{", "?"), "its manifest 1 cannot be read");
    check(&|root| fs::write(root.join("CURRENT"), "seven").unwrap(), "its CURRENT names no manifest");
    check(&|root| fs::write(root.join("CURRENT"), "7").unwrap(), "manifest 7 is missing");
    check(&|root| fs::remove_dir_all(root.join("lake/spot_price")).unwrap(), "cannot be read");
    check(
        &|root| {
            let folder = root.join("lake/spot_price/v=1");
            let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
            let bytes = fs::read(&file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
        "bytes instead of",
    );
}

#[test]
fn a_folder_with_other_files_is_left_alone() {
    let check = |names: &[&str], told: &str| {
        let desk = Desk::default();
        let folder = desk.home().join("mine");
        for name in names {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "miaow").unwrap();
        }
        let at = folder.to_string_lossy().into_owned();
        let read = desk.truffle(&["status", "--lake", &at]);
        assert_eq!(read.code, 4, "{read:?}");
        assert!(read.err.contains(&format!("is not a lake: it holds {told}")), "{read:?}");
        let file = write_history(&desk, "a.parquet", "use1-az1", 3);
        let written = desk.collector(&["import", "spot-history", &file.to_string_lossy(), "--lake", &at]);
        assert_eq!(written.code, 4, "{written:?}");
        assert_eq!(
            files(&folder).into_iter().collect::<BTreeSet<_>>(),
            names.iter().map(|n| n.to_string()).collect()
        );
    };
    check(&["cat.jpg"], "cat.jpg");
    check(&["lake/photos/cat.jpg"], "lake");
    check(&["manifest/7.json"], "manifest");
    check(&["warehouse/box.txt"], "warehouse");
    check(&[".cat"], ".cat");
    check(&["writer.lock", "cat.jpg"], "cat.jpg");
}

#[test]
fn unusable_files_are_refused() {
    let desk = Desk::default();
    let check = |name: &str, bytes: &[u8], expected: &str| {
        let path = desk.home().join(name);
        fs::write(&path, bytes).unwrap();
        let ran = import(&desk, &path);
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains(expected), "{ran:?}");
    };
    let good = fs::read(write_history(&desk, "good.parquet", "use1-az1", 300)).unwrap();
    check("cut.parquet", &good[..good.len() / 2], "not a Parquet file, or it is cut short");
    check("text.parquet", b"observed_at,instance_type", "it has no column \"region\"");
    check("empty.parquet", b"", "it has no column \"observed_at\"");
    let free = fs::read(write_history_rows(&desk, "x.parquet", &[(1, "us-east-1", "use1-az1", 0.0.into())]))
        .unwrap();
    check("free.parquet", &free, "the price 0 is not above zero");
    let other = Page { fields: vec![Field::new("x", ValueType::Int)], rows: vec![vec![Value::Int(1)]] };
    check("other.parquet", &lake_writer::parquet_bytes(&other).unwrap(), "it has no column observed_at");
    let missing = desk.collector(&["import", "spot-history", "nowhere.parquet"]);
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.err.contains("there is no file nowhere.parquet"), "{missing:?}");
}

#[test]
fn without_a_writable_folder_answers_come_from_memory() {
    let desk = Desk::default();
    let nowhere = |words: &[&str]| {
        let mut command = desk.command("truffle", words);
        command.env("XDG_CACHE_HOME", "/dev/null/cache");
        tests::run_command(&mut command)
    };
    let found = nowhere(&["search", "m7i.large", "-o", "csv", "-q"]).expect_success();
    assert!(found.contains("m7i.large,us-east-1"), "{found}");
    let counted =
        nowhere(&["query", "SELECT count(*) AS n FROM instance_type", "-o", "csv", "-q"]).expect_success();
    assert_eq!(counted, "n\n1395\n");
    assert!(nowhere(&["status"]).err.contains("in memory, because no folder could be written"));
}

#[test]
fn a_damaged_warehouse_is_rebuilt() {
    let desk = Desk::default();
    desk.truffle(&["status"]).expect_success();
    let folder = desk.home().join(".cache/mycelium/warehouse");
    let file = files(&folder).into_iter().find(|name| name.ends_with(".duckdb")).unwrap();
    let file = folder.join(file);
    fs::write(&file, "no database").unwrap();
    desk.truffle(&["search", "m7i.large", "-q"]).expect_success();
    assert!(fs::metadata(&file).unwrap().len() > 100_000);
}

#[test]
fn a_damaged_seed_is_unpacked_again() {
    let desk = Desk::default();
    let search = || desk.truffle(&["search", "m7i.large", "-o", "csv", "-q"]).expect_success();
    let before = search();
    let cache = desk.home().join(".cache/mycelium");
    let seed = files(&cache).into_iter().find(|path| path.ends_with("lake/price/v=1/seed.parquet")).unwrap();
    let whole = fs::read(cache.join(&seed)).unwrap();
    fs::remove_file(cache.join(&seed)).unwrap();
    assert_eq!(search(), before);
    assert!(cache.join(&seed).exists());
    // A flipped bit is found when the seed is read, which is when a warehouse is made.
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    fs::write(cache.join(&seed), changed).unwrap();
    fs::remove_dir_all(cache.join("warehouse")).unwrap();
    assert_eq!(search(), before);
    assert_eq!(fs::read(cache.join(&seed)).unwrap(), whole);
}

#[test]
fn temporary_cache_files_of_dead_processes_are_removed() {
    let desk = Desk::default();
    desk.truffle(&["status"]).expect_success();
    let cache = desk.home().join(".cache/mycelium");
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let dead = child.id();
    fs::create_dir_all(cache.join(format!(".seed-ab.{dead}.tmp/lake"))).unwrap();
    fs::write(cache.join(format!("warehouse/seed/.0-ab.duckdb.{dead}.tmp")), "half").unwrap();
    let before: BTreeSet<String> = files(&cache).into_iter().collect();
    assert!(before.iter().any(|path| path.ends_with(".tmp")));
    desk.truffle(&["status"]).expect_success();
    assert!(!files(&cache).iter().any(|path| path.ends_with(".tmp")));
    assert!(!cache.join(format!(".seed-ab.{dead}.tmp")).exists());
}

#[test]
fn damaged_pages_are_reported_as_a_fault_of_the_lake() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 3000)).expect_success();
    let folder = lake(&desk).join("lake/spot_price/v=1");
    let file = folder.join(&files(&folder)[0]);
    let mut bytes = fs::read(&file).unwrap();
    // Damages the pages, but not the footer that locates them.
    let half = bytes.len() / 2;
    bytes[4..half].fill(0xff);
    fs::write(&file, bytes).unwrap();
    let ran = desk.truffle(&["query", "spot/latest", "--param", "type=m7i.large"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.err.contains("is damaged: its bytes differ from its digest in the manifest"), "{ran:?}");
}
