//! Damaged lakes: an answer is right or refused, and the hint leads to a lake that works.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Desk, Ran};

use crate::import::write_price_list;
use crate::storage::{import, lake, write_history};

/// Writes a lake with prices, spot prices of two zones, and its log of runs.
fn filled(desk: &Desk) {
    let rows = [("OnDemand", "Hrs", "0.1234", "", "")];
    let list = write_price_list("us-east-1", desk, "list.csv", "2026-01-01", &rows);
    desk.collector(&["import", "price-list", &list.to_string_lossy(), "--whole"]).expect_success();
    for zone in ["use1-az1", "use1-az2"] {
        import(desk, &write_history(desk, &format!("{zone}.parquet"), zone, 300)).expect_success();
    }
}

const QUESTIONS: [&[&str]; 3] = [
    &[
        "query",
        "SELECT region, price FROM price WHERE instance_type = 'm7i.large' ORDER BY ALL",
        "-o",
        "csv",
        "-q",
    ],
    &["query", "SELECT * FROM spot_price ORDER BY ALL", "-o", "csv", "-q"],
    &["query", "SELECT run_id, dataset, scope, outcome FROM collection_run ORDER BY ALL", "-o", "csv", "-q"],
];

fn answers(desk: &Desk) -> Vec<Ran> {
    QUESTIONS.iter().map(|words| desk.truffle(words)).collect()
}

fn listed(desk: &Desk) -> Vec<PathBuf> {
    let root = lake(desk);
    let pinned = lake::PinnedManifest::newest_with_damage(&root).unwrap().unwrap();
    pinned.manifest.files.iter().map(|file| root.join(&file.path)).collect()
}

/// Runs the command that stands at the start of a hint.
fn run_hint(desk: &Desk, ran: &Ran) -> Ran {
    let hint = ran.err.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a failure has a hint");
    let words: Vec<&str> = hint.split(" takes ").next().unwrap().split(' ').collect();
    assert_eq!(words[0], "collector", "{hint}");
    desk.collector(&words[1..])
}

#[test]
fn a_flipped_bit_changes_no_answer() {
    let desk = Desk::default();
    filled(&desk);
    let right: Vec<String> = answers(&desk).into_iter().map(Ran::expect_success).collect();
    let mut refused = 0;
    for (at, file) in listed(&desk).into_iter().enumerate() {
        let whole = fs::read(&file).unwrap();
        for step in 0..4 {
            let place = (whole.len() - 1) * (step * 7 + at) / 28;
            let mut bytes = whole.clone();
            bytes[place.min(whole.len() - 1)] ^= 1 << (at % 8);
            fs::write(&file, &bytes).unwrap();
            if step % 2 == 0 {
                let _ = fs::remove_dir_all(lake(&desk).join("warehouse"));
            }
            for (answer, right) in answers(&desk).into_iter().zip(&right) {
                let name = file.file_name().unwrap().to_string_lossy();
                match answer.code {
                    0 => assert_eq!(&answer.out, right, "{} at {place}", file.display()),
                    4 => assert!(
                        answer.err.contains(&*name) && answer.err.contains("is damaged"),
                        "{answer:?}"
                    ),
                    _ => panic!("{answer:?}"),
                }
                refused += u32::from(answer.code == 4);
            }
        }
        fs::write(&file, &whole).unwrap();
    }
    assert!(refused > 20, "{refused}");
    let after: Vec<String> = answers(&desk).into_iter().map(Ran::expect_success).collect();
    assert_eq!(after, right);
}

#[test]
fn the_hint_for_a_damaged_file_makes_the_lake_usable() {
    let check = |dataset: &str, damage: &dyn Fn(&Path)| {
        let desk = Desk::default();
        filled(&desk);
        let file = listed(&desk).into_iter().find(|path| path.to_string_lossy().contains(dataset)).unwrap();
        damage(&file);
        let refused: Vec<Ran> = answers(&desk).into_iter().filter(|ran| ran.code != 0).collect();
        assert_eq!(refused.len(), 3, "{refused:?}");
        for ran in &refused {
            assert_eq!(ran.code, 4, "{ran:?}");
            assert!(ran.err.starts_with("error: ") && ran.err.contains("is damaged: "), "{ran:?}");
        }
        let verified = desk.collector(&["status", "--verify", "-o", "json"]);
        assert_eq!(verified.code, 4, "{verified:?}");
        let found: serde_json::Value = serde_json::from_str(&verified.out).unwrap();
        assert_eq!(found[0]["file"], file.strip_prefix(lake(&desk)).unwrap().to_string_lossy().as_ref());
        assert!(verified.err.contains("1 of 6 files are damaged"), "{verified:?}");
        run_hint(&desk, &refused[0]).expect_success();
        for ran in answers(&desk) {
            ran.expect_success();
        }
        let verified = desk.collector(&["status", "--verify"]);
        assert!(verified.err.contains("match their digests"), "{verified:?}");
        let again = desk.collector(&["drop", "--damaged"]);
        assert_eq!(again.code, 3, "{again:?}");
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[20] ^= 4;
        fs::write(path, bytes).unwrap();
    };
    check("lake/price", &flip);
    check("lake/spot_price", &|path| fs::write(path, "short").unwrap());
    check("lake/collection_run", &flip);
    check("lake/price", &|path| fs::remove_file(path).unwrap());
    check("lake/spot_price", &|path| {
        fs::remove_file(path).unwrap();
        make_pipe(path);
    });
    check("lake/price", &|path| {
        fs::rename(path, path.parent().unwrap().join("../../../../../moved")).unwrap();
        symlink("../../../../../moved", path).unwrap();
    });
}

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_run_is_dropped_by_its_id_and_can_be_imported_again() {
    let desk = Desk::default();
    filled(&desk);
    let right: Vec<String> = answers(&desk).into_iter().map(Ran::expect_success).collect();
    let run = |zone: &str| {
        let sql = format!("SELECT DISTINCT run_id FROM spot_price WHERE az_id = '{zone}'");
        desk.truffle(&["query", &sql, "-o", "csv", "-q"]).expect_success().lines().nth(1).unwrap().to_string()
    };
    let first = run("use1-az1");
    let dry = desk.collector(&["drop", &first, "--dry-run", "-o", "json"]);
    assert!(dry.err.contains("dry run: nothing was written"), "{dry:?}");
    assert_eq!(answers(&desk).into_iter().map(Ran::expect_success).collect::<Vec<_>>(), right);
    let done = desk.collector(&["drop", &first, "-o", "json"]);
    assert!(done.err.contains("visible in manifest 4"), "{done:?}");
    assert_eq!(dry.out, done.out, "a dry run shows the figures of the real run");
    let sql = "SELECT DISTINCT az_id FROM spot_price";
    assert_eq!(desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success(), "az_id\nuse1-az2\n");
    let again = desk.collector(&["drop", &first]);
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.err.contains(&format!("the lake has no run \"{first}\"")), "{again:?}");
    import(&desk, &desk.home().join("use1-az1.parquet")).expect_success();
    let after: Vec<String> = answers(&desk).into_iter().map(Ran::expect_success).collect();
    assert_eq!(after, right);
    // A slip in one id drops nothing.
    let slip = desk.collector(&["drop", &first, &format!("{}x", run("use1-az2"))]);
    assert_eq!(slip.code, 3, "{slip:?}");
    assert!(slip.err.contains("the closest match is"), "{slip:?}");
    assert_eq!(answers(&desk).into_iter().map(Ran::expect_success).collect::<Vec<_>>(), right);
}

#[test]
fn a_damaged_list_of_files_has_a_hint_that_works() {
    let check = |damage: &dyn Fn(&Path), expected: &str| {
        let desk = Desk::default();
        import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 3)).expect_success();
        damage(&lake(&desk));
        let ran = desk.truffle(&["status"]);
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains("is damaged: ") && ran.err.contains(expected), "{ran:?}");
        let collector = desk.collector(&["compact"]);
        assert_eq!((collector.code, collector.err.contains(expected)), (4, true), "{collector:?}");
        let hint = ran.err.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap();
        let (command, is_intact) = match hint.strip_prefix("set it aside with ") {
            Some(rest) => (rest.split(", then").next().unwrap(), false),
            None => (hint.split(" restores").next().unwrap(), true),
        };
        assert_eq!(
            is_intact,
            !expected.contains("manifest") && !expected.contains("absurd") && !expected.contains("path")
        );
        assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
        if !is_intact {
            import(&desk, &desk.home().join("a.parquet")).expect_success();
        }
        desk.truffle(&["query", "spot/latest", "--param", "type=m7i.large"]).expect_success();
    };
    let special = |name: &'static str, make: &'static dyn Fn(&Path)| {
        move |root: &Path| {
            let path = root.join(name);
            fs::remove_file(&path).unwrap();
            make(&path);
        }
    };
    check(&special("CURRENT", &make_pipe), "its CURRENT cannot be read (it is a pipe, not a file)");
    check(
        &special("CURRENT", &|path| fs::create_dir(path).unwrap()),
        "its CURRENT cannot be read (it is a folder",
    );
    check(&special("CURRENT", &|path| symlink("/dev/zero", path).unwrap()), "it is a device, not a file");
    check(&special("CURRENT", &|path| fs::write(path, [0xff; 40]).unwrap()), "it is not UTF-8 text");
    check(
        &special("CURRENT", &|path| fs::write(path, vec![b'1'; 5000]).unwrap()),
        "it has more than 64 bytes",
    );
    check(
        &special("manifest/1.json", &make_pipe),
        "its manifest 1 cannot be read (it is a pipe, not a file)",
    );
    check(
        &special("manifest/1.json", &|path| symlink("/dev/zero", path).unwrap()),
        "its manifest 1 cannot be read (it is a device",
    );
    let edit = |from: &'static str, to: &'static str| {
        move |root: &Path| {
            let path = root.join("manifest/1.json");
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from), "{text}");
            fs::write(path, text.replacen(from, to, 1)).unwrap();
        }
    };
    check(
        &edit("\"number\": 1", "\"number\": 18446744073709551615"),
        "the manifest 1 calls itself 18446744073709551615",
    );
    check(&edit("\"rows\": 3", "\"rows\": 9223372036854775808"), "an absurd size");
    check(&edit("\"lake/spot_price/v=1/", "\"lake/spot_price/v=1/../../../"), "is not a path of a file of");
    check(&edit("\"lake/spot_price/v=1/", "\"/etc/"), "is not a path of a file of");
}

#[test]
fn a_lake_that_lost_its_current_keeps_its_data() {
    let desk = Desk::default();
    filled(&desk);
    let right: Vec<String> = answers(&desk).into_iter().map(Ran::expect_success).collect();
    fs::remove_file(lake(&desk).join("CURRENT")).unwrap();
    let file = write_history(&desk, "more.parquet", "use1-az3", 3);
    for ran in [desk.truffle(&["status"]), import(&desk, &file)] {
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains("is damaged: its CURRENT is missing"), "{ran:?}");
        assert!(ran.err.contains("CURRENT restores the state of manifest 3"), "{ran:?}");
    }
    fs::write(lake(&desk).join("CURRENT"), "3\n").unwrap();
    assert_eq!(answers(&desk).into_iter().map(Ran::expect_success).collect::<Vec<_>>(), right);
}

#[test]
fn pipes_and_devices_are_refused_as_files() {
    let desk = Desk::default();
    let pipe = desk.home().join("pipe");
    make_pipe(&pipe);
    for path in [pipe.to_string_lossy().as_ref(), "/dev/zero", "/dev/stdin"] {
        for kind in [&[][..], &["spot-history"], &["cur"], &["price-list"], &["bundle"]] {
            let ran = desk.collector(&[&["import"], kind, &[path]].concat());
            assert_eq!(ran.code, 2, "{ran:?}");
            assert!(ran.err.contains("is a device or a pipe; expected files"), "{ran:?}");
        }
    }
    filled(&desk);
    let config = desk.home().join(".config/mycelium");
    fs::create_dir_all(&config).unwrap();
    make_pipe(&config.join("bundle.key"));
    let ran = desk.collector(&["bundle", "--to", "out.bundle"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("bundle.key cannot be used: it is a pipe, not a file"), "{ran:?}");
}
