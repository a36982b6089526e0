//! Random questions about ways to pay, places and capacity, answered a second time by
//! `tests/oracle_prices.py`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tests::{Desk, is_long_run, repository_root};

use crate::plans::{answered, import, import_oracle_prices, oracle, oracle_python};
use crate::snapshot::{Serving, aws, collector, serve_with};

const SCRIPT: &str = "oracle_prices.py";

/// Small quotas of running vCPUs: of common types, and of those with GPUs for training.
const SCENARIO: &str = "timing: {pending: 0s, visible_after: 0s}\n\
                        opted_in: [ap-east-1]\n\
                        quotas: {L-1216C47A: 20, L-417A185B: 200}\n";

/// Imports discounts and interruption rates, each stated on two days.
fn import_terms(desk: &Desk, folder: &Path) {
    for day in ["2026-11-01", "2026-11-12"] {
        import(desk, "discount", &folder.join(format!("own-{day}.csv")), &["--observed-at", day]);
    }
    for day in ["2026-10-27", "2026-11-10"] {
        import(desk, "spot-advisor", &folder.join(format!("advice-{day}.json")), &["--observed-at", day]);
    }
}

/// Collects the facts about capacity from a sandbox, with a few instances and a reservation if the
/// aws CLI is there.
fn collect_capacity(desk: &Desk, serving: &Serving) {
    let image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64";
    let launch = ["ec2", "run-instances", "--count", "3", "--instance-type", "m5.large", "--image-id", image];
    aws(desk, serving, &launch);
    let reserve =
        ["ec2", "create-capacity-reservation", "--instance-type", "c5.large", "--instance-count", "2"];
    let place = ["--instance-platform", "Linux/UNIX", "--availability-zone", "us-east-1a"];
    aws(desk, serving, &[&reserve[..], &place].concat());
    let regions = ["--region", "us-east-1,eu-west-1", "-q"];
    let snapshot = |words: &[&str]| {
        collector(desk, serving, &[&["snapshot"], words, &regions].concat()).expect_success();
    };
    collector(desk, serving, &["snapshot", "region_access", "-q"]).expect_success();
    snapshot(&["instance", "capacity", "quota"]);
    for (types, capacity) in [
        ("m5.large,c5.large,m7i.large", "3"),
        ("m5.large,c5.large,m7i.large", "10"),
        ("m5.large", "1"),
        ("m7i.large", "4"),
        ("t3.micro", "2"),
        ("p5.48xlarge", "1"),
    ] {
        snapshot(&["placement_score", "--types", types, "--capacity", capacity]);
    }
    snapshot(&["capacity_block", "--types", "p5.48xlarge", "--capacity", "2", "--hours", "48"]);
}

#[test]
fn random_questions_about_prices_and_capacity_agree_with_an_oracle() {
    let Some(python) = oracle_python() else { return };
    let desk = Desk::default();
    let folder = import_oracle_prices(&desk, &python);
    let place = folder.to_string_lossy().into_owned();
    oracle(&python, SCRIPT, &["make", &place, "18"], "");
    import_terms(&desk, &folder);
    let serving = serve_with(&desk, SCENARIO, &["--frozen", "2026-11-22T00:00:00Z"]);
    collect_capacity(&desk, &serving);
    drop(serving);
    let script = fs::read_to_string(repository_root().join("tests/oracle_lake.py")).unwrap();
    let tables = script.split("TABLES = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    for table in tables.split('"').skip(1).step_by(2) {
        let (sql, file) = (format!("SELECT * FROM {table}"), folder.join(format!("{table}.parquet")));
        desk.truffle(&["export", "--query", &sql, "--to", &file.to_string_lossy(), "-q"]).expect_success();
    }
    let count = if is_long_run() { 200 } else { 50 };
    let drawn = oracle(&python, SCRIPT, &["draw", &count.to_string(), "2027"], "");
    let questions: Vec<Value> = serde_json::from_str(&drawn).unwrap();
    let answers = serde_json::to_string(&answered(&desk, &questions)).unwrap();
    let counts: Value = serde_json::from_str(&oracle(&python, SCRIPT, &["check", &place], &answers)).unwrap();
    for kind in ["price", "arbitrage", "capacity"] {
        assert!(counts[kind].as_u64().is_some_and(|found| found > count / 10), "{counts}");
    }
}
