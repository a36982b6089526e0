//! `collector compact` and `collector prune`, as users run them.

use std::fs;

use tests::Desk;

use crate::storage::{files, import, lake, write_history};

fn answers(desk: &Desk) -> String {
    let latest = ["query", "spot/latest", "--param", "type=m7i.large", "-o", "csv", "-q"];
    let history = ["query", "spot/history", "--param", "type=m7i.large", "-o", "csv", "-q"];
    desk.truffle(&latest).expect_success() + &desk.truffle(&history).expect_success()
}

#[test]
fn compaction_changes_no_answer_and_reports_its_savings() {
    let desk = Desk::default();
    let none = desk.collector(&["compact"]);
    assert_eq!(none.code, 3, "{none:?}");
    assert!(none.err.contains("not collected yet: there is no lake at "), "{none:?}");
    assert!(!lake(&desk).exists());
    for n in 1..=3 {
        import(&desk, &write_history(&desk, &format!("{n}.parquet"), &format!("use1-az{n}"), 10 * n))
            .expect_success();
    }
    let before = answers(&desk);
    let dry = desk.collector(&["compact", "--dry-run", "-o", "ndjson"]);
    assert!(dry.err.contains("dry run: nothing was written"), "{dry:?}");
    assert!(dry.expect_success().contains("\"files_before\":3,\"rows_before\":60,"));
    assert_eq!(files(&lake(&desk).join("manifest")), ["3.json"]);
    let done = desk.collector(&["compact", "-o", "json"]);
    assert!(done.err.contains("visible in manifest 4"), "{done:?}");
    let said: serde_json::Value = serde_json::from_str(&done.expect_success()).unwrap();
    let spot = said.as_array().unwrap().iter().find(|row| row["dataset"] == "spot_price").unwrap();
    let figures =
        ["files_before", "rows_before", "files_after", "rows_after"].map(|name| spot[name].as_i64());
    assert_eq!(figures, [3, 60, 1, 60].map(Some), "{said}");
    let listed = files(&lake(&desk).join("lake/spot_price/v=1"));
    assert_eq!(listed, ["family=m7i/compacted-4.parquet"], "the compacted files are removed");
    let bytes = fs::metadata(lake(&desk).join("lake/spot_price/v=1").join(&listed[0])).unwrap().len();
    assert_eq!(spot["bytes_after"].as_u64(), Some(bytes));
    assert_eq!(answers(&desk), before);
    let again = import(&desk, &desk.home().join("2.parquet"));
    assert!(again.err.contains("nothing was added: the lake already has these rows"), "{again:?}");
    assert!(again.expect_success().contains("\"rows_kept\": 0"));
}

#[test]
fn pruning_keeps_the_newest_prices() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 50)).expect_success();
    let latest = ["query", "spot/latest", "--param", "type=m7i.large", "-o", "csv", "-q"];
    let before = desk.truffle(&latest).expect_success();
    let runs = desk.collector(&["prune", "--keep", "1"]);
    assert!(runs.err.contains("nothing to prune"), "prices stay: {runs:?}");
    let dry = desk.collector(&["prune", "--keep", "1d", "--dry-run"]);
    assert!(dry.err.contains("dry run: nothing was written"), "{dry:?}");
    // The rows are of 2026-01-01. The machine's clock is later.
    let done = desk.collector(&["prune", "--keep", "1d", "-o", "ndjson"]).expect_success();
    assert!(done.contains("\"rows_before\":50,") && done.contains("\"rows_after\":1,"), "{done}");
    assert_eq!(desk.truffle(&latest).expect_success(), before);
    let earlier = desk.truffle(&[&latest[..], &["--as-of", "2026-01-01T05:00:00Z"]].concat());
    assert_eq!(earlier.code, 3, "the older rows are gone: {earlier:?}");
}

#[test]
fn a_damaged_lake_is_neither_compacted_nor_pruned() {
    let desk = Desk::default();
    import(&desk, &write_history(&desk, "a.parquet", "use1-az1", 500)).expect_success();
    let folder = lake(&desk).join("lake/spot_price/v=1");
    let file = folder.join(&files(&folder)[0]);
    let whole = fs::read(&file).unwrap();
    let check = |bytes: &[u8], expected: &str| {
        fs::write(&file, bytes).unwrap();
        for words in [&["compact"][..], &["prune", "--keep", "1d"]] {
            let ran = desk.collector(words);
            assert_eq!(ran.code, 4, "{ran:?}");
            assert!(ran.err.contains(expected), "{ran:?}");
        }
        assert_eq!(files(&lake(&desk).join("manifest")), ["1.json"], "nothing was published");
    };
    check(&whole[..whole.len() / 2], "bytes instead of");
    let mut damaged = whole.clone();
    // Damages the pages, but not the footer that locates them.
    let half = damaged.len() / 2;
    damaged[4..half].fill(0xff);
    check(&damaged, "its bytes differ from its digest in the manifest");
}
