//! `truffle recommend` as users run it, against an oracle and with bad and thin inputs.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::{Desk, is_long_run};

use crate::import::{import, write_price_list};
use crate::plans::{answered, oracle, oracle_python};

const SCRIPT: &str = "oracle_needs.py";

fn export(desk: &Desk, folder: &Path, tables: &[(&str, &str)]) {
    for (name, sql) in tables {
        let file = folder.join(format!("{name}.parquet"));
        desk.truffle(&["export", "--query", sql, "--to", &file.to_string_lossy(), "-q"]).expect_success();
    }
}

#[test]
fn random_needs_agree_with_an_oracle_over_exported_tables() {
    let Some(python) = oracle_python() else { return };
    let desk = Desk::default();
    let folder = desk.home().join("oracle");
    fs::create_dir(&folder).unwrap();
    let place = folder.to_string_lossy().into_owned();
    let offers = ("offering", "SELECT * FROM offering_history");
    export(&desk, &folder, &[("type", "SELECT * FROM instance_type"), offers]);
    oracle(&python, SCRIPT, &["make", &place, "18"], "");
    for (kind, name, flags) in [
        ("savings-plans", "plans-us-east-1.csv", &["--whole"][..]),
        ("savings-plans", "plans-eu-west-1.csv", &["--whole"]),
        ("spot-history", "spot.csv", &[]),
        ("spot-advisor", "rates.json", &["--observed-at", "2026-11-01"]),
        ("benchmark", "benchmark.csv", &[]),
    ] {
        import(&desk, kind, &folder.join(name), flags).expect_success();
    }
    export(
        &desk,
        &folder,
        &[
            ("price", "SELECT * FROM price_history"),
            ("plan", "SELECT * FROM savings_plan_history"),
            ("spot", "SELECT * FROM spot_price"),
            ("rate", "SELECT * FROM interruption_history"),
            ("benchmark", "SELECT * FROM benchmark"),
        ],
    );
    let count = if is_long_run() { 1000 } else { 50 };
    let needs: Vec<Value> =
        serde_json::from_str(&oracle(&python, SCRIPT, &["draw", &count.to_string(), "2026"], "")).unwrap();
    let (one, other) = needs.split_at(count / 2);
    let answers = std::thread::scope(|scope| {
        let one = scope.spawn(|| answered(&desk, one));
        let other = answered(&desk, other);
        [one.join().unwrap(), other].concat()
    });
    let counts = oracle(&python, SCRIPT, &["check", &place], &serde_json::to_string(&answers).unwrap());
    let counts: Value = serde_json::from_str(&counts).unwrap();
    for market in ["on-demand", "spot", "any"] {
        assert!(counts[market].as_u64().is_some_and(|found| found > count as u64 / 10), "{counts}");
    }
}

/// Returns the rows of an answer.
fn rows(desk: &Desk, line: &str) -> Vec<Value> {
    let words: Vec<&str> = line.split(' ').chain(["-o", "json", "-q"]).collect();
    serde_json::from_str(&desk.truffle(&words).expect_success()).unwrap()
}

#[test]
fn a_quarantined_price_never_wins() {
    let desk = Desk::default();
    let before = rows(&desk, "recommend 2 vcpus 8gb intel --burstable=false --all");
    assert_eq!(before[0]["instance_type"], "m7i-flex.large", "{before:?}");
    let free = [("OnDemand", "Hrs", "0.0", "", "")];
    let file = write_price_list("us-east-1", &desk, "free.csv", "2026-11-01", &free);
    import(&desk, "price-list", &file, &["--partial"]).expect_success();
    let quarantined = desk.truffle(&["query", "price/held", "-o", "json", "-q"]).expect_success();
    assert!(quarantined.contains("m7i.large"), "{quarantined}");
    assert_eq!(rows(&desk, "recommend 2 vcpus 8gb intel --burstable=false --all"), before);
}

#[test]
fn the_answer_as_of_a_day_ignores_later_prices() {
    let desk = Desk::default();
    let line = "recommend m7i.large --as-of 2026-11-10";
    let before = rows(&desk, line);
    let file = write_price_list(
        "us-east-1",
        &desk,
        "later.csv",
        "2026-11-15",
        &[("OnDemand", "Hrs", "0.09", "", "")],
    );
    import(&desk, "price-list", &file, &["--partial"]).expect_success();
    assert_eq!(rows(&desk, line), before);
    assert_eq!(rows(&desk, "recommend m7i.large")[0]["price_per_hour"], 0.09);
}

#[test]
fn a_dearer_market_never_lowers_the_first_pick_and_one_need_less_never_raises_its_price() {
    let desk = Desk::default();
    let price = |line: &str| rows(&desk, line)[0]["price_per_hour"].as_f64().unwrap();
    let first = |line: &str| rows(&desk, line)[0]["instance_type"].clone();
    let needs = ["8+ vcpus", "64gb+", "intel", "--burstable=false", "--network-bandwidth=12.."];
    let all = price(&format!("recommend {}", needs.join(" ")));
    for left_out in 0..needs.len() {
        let fewer: Vec<&str> =
            needs.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, need)| *need).collect();
        let line = format!("recommend {}", fewer.join(" "));
        assert!(price(&line) <= all, "{line}");
    }
    let dear = "recommend 8+ vcpus 64gb+ --region us-east-1";
    assert_eq!(first(dear), first(&format!("{dear},sa-east-1")));
    // Not collected spot prices and commitments change nothing either.
    assert_eq!(first(dear), first(&format!("{dear} --market any --commit 3")));
}

/// A command line, its exit code, and parts of its messages.
type BadNeed = (&'static str, i32, &'static [&'static str]);

const BAD_NEEDS: &[BadNeed] = &[
    ("", 2, &["no needs are given", "truffle recommend 4+ vcpus 16gb+"]),
    ("--region all --market any", 2, &["no needs are given"]),
    ("m7i.lrage", 2, &["the closest match is m7i.large"]),
    ("zz9.large", 2, &["zz9.large"]),
    ("4 vcpus --vcpus 8", 3, &["no match: --vcpus 8 excluded the last", "cheapest single relaxation"]),
    ("intel graviton", 2, &["intel", "graviton"]),
    (
        "5000+ vcpus",
        3,
        &["no match: 5000.. vcpus excluded the last", "cheapest single relaxation: 5000.. vcpus"],
    ),
    (
        "gpu --max-price 0.01",
        3,
        &["no match: --max-price 0.01 excluded the last", "or relax --max-price 0.01: "],
    ),
    ("p5e.48xlarge", 3, &["not offered in us-east-1: p5e.48xlarge; try --region all"]),
    ("h200 8gpu efa", 3, &["its price is not known", "price: 1 pick; collector snapshot price"]),
    ("m7i.large --region eu-wset-1", 2, &["unknown region \"eu-wset-1\"; the closest match is eu-west-1"]),
    ("m7i.large --region ap-east-2", 4, &["not collected yet: offerings of ap-east-2", "collector snapshot"]),
    (
        "m7i.large --os windows",
        3,
        &["no match: no on-demand price for windows", "try --os linux, or collector"],
    ),
    (
        "t4g.xlarge --region cn-north-1 --max-price 5",
        3,
        &["excluded the last 1 type", "--max-price 5: 1 pick"],
    ),
    ("m7i.large --market spot", 4, &["not collected yet: spot_price", "collector snapshot spot_price"]),
    ("m7i.large --market cheap", 2, &["invalid value 'cheap' for '--market <MARKET>'"]),
    ("m7i.large --market spot --os ubuntu-pro", 2, &["--os ubuntu-pro: AWS publishes no spot prices for it"]),
    ("m7i.large --market spot --commit 1", 2, &["--commit 1: spot has no commitments"]),
    ("m7i.large --commit 2", 2, &["invalid value '2' for '--commit <YEARS>'"]),
    ("m7i.large --max-band 2", 2, &["--max-band has no effect without spot prices", "--market spot"]),
    ("m7i.large --market spot --max-band 5", 2, &["5 is not in 0..=4"]),
    ("m7i.large --market spot --max-band -1", 2, &["-1 is not in 0..=4"]),
    ("m7i.large --checkpoint 1h", 2, &["--checkpoint has no effect without spot prices"]),
    ("m7i.large --market spot --restart soon", 2, &["\"soon\" is not a span of time"]),
    ("m7i.large --for -5h", 2, &["\"-5h\" is not a span of time"]),
    ("m7i.large --for 0h", 2, &["\"0h\" is not a span of time"]),
    ("m7i.large --for 200", 2, &["\"200\" is not a span of time"]),
    ("m7i.large --count 3", 2, &["--count has no effect without --for"]),
    ("m7i.large --for 1h --count 0", 2, &["0 is not in 1..=1000000"]),
    ("m7i.large --at-least 5", 2, &["--benchmark <METRIC>"]),
    ("m7i.large --benchmark coremark", 2, &["--at-least <VALUE>"]),
    ("m7i.large --benchmark coremark --at-least many", 2, &["\"many\" is not a number of 0 or more"]),
    ("m7i.large --per coremark", 4, &["not collected yet: benchmark", "collector import benchmark FILE.csv"]),
    ("newest 4 vcpus", 2, &["\"newest\": picks are ordered by their cost"]),
    ("m7i.large --zones use1-az99", 2, &["zone use1-az99 has no offers"]),
    ("m7i.large --limit -1", 2, &["\"-1\" is not a number of rows"]),
    ("m7i.large --as-of 1999-01-01", 4, &["not collected yet: instance types as of 1999"]),
    ("m7i.large --columns prise", 2, &["prise"]),
];

#[test]
fn bad_and_thin_needs_have_a_sentence_and_an_exit_code() {
    let desk = Desk::default();
    for (line, code, parts) in BAD_NEEDS {
        let words: Vec<&str> = ["recommend"].into_iter().chain(line.split_whitespace()).collect();
        let ran = desk.truffle(&words);
        assert_eq!(ran.code, *code, "{line}: {ran:?}");
        assert!(ran.out.is_empty(), "{line}: {ran:?}");
        for part in *parts {
            assert!(ran.err.contains(part), "{line}: \"{part}\" is not in: {}", ran.err);
        }
    }
    let figures = desk.home().join("figures.csv");
    fs::write(&figures, "instance_type,metric,value\nm7i.large,coremark,50000\nm7a.large,coremark,60000\n")
        .unwrap();
    import(&desk, "benchmark", &figures, &[]).expect_success();
    let unknown = desk.truffle(&["recommend", "4 vcpus", "--per", "coremrak"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("--per: no metric \"coremrak\""), "{unknown:?}");
    assert!(unknown.err.contains("coremark"), "{unknown:?}");
    let high = desk.truffle(&["recommend", "m7i.large", "--benchmark", "coremark", "--at-least", "70000"]);
    assert_eq!(high.code, 3);
    assert!(high.err.contains("has a value of 50000, you asked for at least 70000"), "{high:?}");
}
