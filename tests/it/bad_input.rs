//! Mistyped commands: the message and the exit code of each, as a snapshot.

use std::fmt::Write;
use std::fs;

use tests::{Desk, Ran, run_command};

const TRUFFLE: &[&[&str]] = &[
    &[],
    &["serch"],
    &["--colour", "always"],
    &["search", "h2000"],
    &["search", "intel", "graviton"],
    &["search", "arm64", "x86_64"],
    &["search", "m7i.xlarg"],
    &["search", "m7i.xlarge", "--regoin", "eu-west-1"],
    &["search", "--region", "eu-wset-1"],
    &["search", "--region", "ap-east-2"],
    &["search", "--vcpus", "4..2"],
    &["search", "--vcpus", "four"],
    &["search", "--vcpus", "4.5"],
    &["search", "--vcpus", "4-8"],
    &["search", "--memory", "64XB"],
    &["search", "--memory", ".."],
    &["search", "--arch", "arm46"],
    &["search", "--cpu-maker", "via"],
    &["search", "--gpu-model", "h1000"],
    &["search", "--efa=maybe"],
    &["search", "--os", "haiku"],
    &["search", "--max-price", "cheap"],
    &["search", "--max-price=-1"],
    &["search", "--sort", "prise"],
    &["search", "--columns", "instance_typ", "m7i.large"],
    &["search", "--limit", "-1"],
    &["search", "--zones", "use1-az99"],
    &["search", "--zones", "us-east-1a"],
    &["search", "--allow", "m7i.[", "gpu"],
    &["search", "[m7"],
    &["search", "--like", "m77.large"],
    &["search", "--usage-class", "free"],
    &["search", "--vcpus-to-memory", "1:x"],
    &["search", "or"],
    &["search", "0gpu", "h100"],
    &["search", "gpu", "--vcpus", "1"],
    &["search", "--compute-capability", "99.."],
    &["search", "m7i.large", "--output", "xml"],
    &["search", "m7i.large", "--as-of", "yesterday"],
    &["search", "m7i.large", "--as-of", "1999-01-01"],
    &["search", "m7i.large", "--log-level", "loud"],
    &["search", "m7i.large", "--color", "blue"],
    &["search", "m7i.large", "--out", "/nowhere/at/all.json"],
    &["compare"],
    &["compare", "m7i.large", "m7i.lrage"],
    &["show", "p6.large"],
    &["show"],
    &["regions", "m7i"],
    &["regions", "--os", "windows"],
    &["zones", "m7i.large", "--region", "mars-1"],
    &["query", "spot/latest", "--param", "type=m7i"],
    &["query", "SELEC 1"],
    &["query", "SELECT nope FROM instance_type"],
    &["query", "SELECT * FROM instance_typ"],
    &["query", "SELECT 1; SELECT 2"],
    &["query", "DROP TABLE instance_type"],
    &["query", "price/per-cpu"],
    &["query", "price/on-demand"],
    &["query", "price/on-demand", "--param", "tpye=m7i.large"],
    &["query", "price/on-demand", "--param", "m7i.large"],
    &["query", "SELECT 1", "--param", "a=1"],
    &["query", "SELECT $1"],
    &["query", "SELECT 1", "--timeout", "soon"],
    &["query", "SELECT 1", "--memory", "1MiB"],
    &["query", "SELECT 1", "--as-of", "2025-01-01"],
    &["query", "price/per-gpu", "--threads", "2"],
    &["query", "price/per-gpu", "--memory", "1GiB"],
    &["query", "price/per-gpu", "--timeout", "5s"],
    &["query", "--list", "--limit", "5"],
    &["query", "--list", "--as-of", "2025-01-01"],
    &["query", "--file", "nowhere.sql"],
    &["query", ""],
    &["schema", "instance_types"],
    &["export", "instance_type"],
    &["export", "nothing", "--to", "x.parquet"],
    &["export", "region", "--to", "x.docx"],
    &["export", "region", "--to", "x.yaml"],
    &["export", "region", "--to", "nowhere/x.parquet"],
    &["export", "region", "--to", "there.parquet"],
    &["export", "region", "--to", "."],
    &["export", "region", "--to", ".", "--replace"],
    &["export", "region", "--to", "there.parquet", "--replace", "--partition-by", "partition"],
    &["export", "region", "--to", "x.csv", "--as-of", "2025-01-01"],
    &["export", "region", "--to", "x.csv", "--param", "a=1"],
    &["export", "--query", "SELECT 1", "--to", "x.csv", "--as-of", "2025-01-01"],
    &["export", "--query", "price/per-gpu", "--to", "x.csv", "--timeout", "5s"],
    &["export", "region", "--to", "parts", "--partition-by", "continent"],
    &["export", "region", "--to", "x.csv", "--out", "y.csv"],
    &["--out", "y.csv", "save", "x", "gpu"],
    &["schema", "price", "--as-of", "2025-01-01"],
    &["export", "region", "--to", "-"],
    &["search", "gpu", "--explain", "--quiet"],
    &["query", "price/per-gpu", "--param", "region=mars-1"],
    &["save", "x", "notaword"],
    &["save", "x", "gpu", "--region", "mars-1"],
    &["save", "my search", "gpu"],
    &["save", "x"],
    &["save", "x", "gpu", "--vcpus", "many"],
    &["saved", "nothing"],
    &["saved", "--remove", "nothing"],
    &["saved", "--as-of", "2025-01-01"],
    &["saved", "--remove", "nothing", "--out", "y.csv"],
    &["bookmark", "m7i.huge"],
    &["bookmark", "--remove", "m7i.large"],
    &["bookmark", "--dry-run"],
    &["completions", "tcsh"],
    &["completions", "bash", "--output", "json"],
    &["version", "--as-of", "2025-01-01"],
];

const COLLECTOR: &[&[&str]] = &[
    &["import", "spot-histroy", "x.parquet"],
    &["import", "spot-history"],
    &["import", "spot-history", "nowhere.parquet"],
    &["import", "spot-history", "there.parquet"],
    &["prune"],
    &["prune", "--keep", "0"],
    &["prune", "--keep", "tomorrow"],
    &["compact", "now"],
    &["import", "there.parquet"],
    &["import", "spot-histroy", "there.parquet"],
    &["import", "there.parquet", "nowhere.parquet"],
    &["import"],
    &["import", "."],
    &["import", "focus", "there.parquet"],
    &["import", "cost-explorer", "there.parquet", "--account", "mine"],
    &["import", "price-list", "there.parquet", "--observed-at", "2026-01-01"],
    &["import", "spot-advisor", "there.parquet", "--observed-at", "soon"],
    &["import", "spot-advisor", "there.parquet", "--whole"],
    &["import", "cur", "there.parquet", "--whole"],
    &["import", "s3://"],
    &["import", "s3:/bills/daily"],
    &["import", "s3://My_Bills/daily"],
    &["import", "price-list", "s3://bills/daily"],
    &["import", "focus", "s3://bills/daily", "there.parquet"],
    &["import", "s3://bills/daily", "--whole"],
    &["import", "s3://bills/daily", "--month", "October"],
    &["import", "spot-advisor", "there.parquet", "--month", "2026-10"],
    &["import", "cur", "there.parquet", "--account", "work"],
    &["policy", "s3:bills"],
    &["forget", "--account", "12"],
    &["status", "--dry-run"],
    &["status", "--accept", "x", "--held"],
    &["import", "price-list", "there.parquet", "--whole", "--partial"],
];

const SPAWN: &[&[&str]] = &[
    &["lunch"],
    &["launch"],
    &["launch", "t3.micro"],
    &["launch", "t3", "--ttl", "8h"],
    &["launch", "t3.micro", "--ttl", "8"],
    &["launch", "t3.micro", "--ttl", "8d"],
    &["launch", "t3.micro", "--ttl", "8h", "--cap", "week"],
    &["launch", "t3.micro", "--ttl", "8h", "--on-expiry", "hibernate"],
    &["launch", "t3.micro", "--ttl", "8h", "--image", "ubuntu"],
    &["launch", "t3.micro", "--resume"],
    &["reap", "--plan", "there.parquet", "--yes"],
    &["reap", "--plan", "nowhere.json", "--yes"],
    &["reap", "--plan", "nowhere.json", "--yes", "--owner", "me"],
];

fn failure_text(desk: &Desk, ran: &Ran) -> String {
    let home = desk.home().to_string_lossy().into_owned();
    let text = ran.err.replace(&home, "~");
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let mut told = format!("  exit {}\n", ran.code);
    for line in lines.iter().take(6) {
        writeln!(told, "  {line}").unwrap();
    }
    told
}

#[test]
fn every_slip_is_answered() {
    let desk = Desk::default();
    fs::write(desk.home().join("there.parquet"), "not a parquet file").unwrap();
    let mut all = String::new();
    for words in TRUFFLE {
        let ran = desk.truffle(words);
        assert_ne!(ran.code, 0, "{words:?} is not an error: {}", ran.out);
        writeln!(all, "truffle {}\n{}", words.join(" "), failure_text(&desk, &ran)).unwrap();
    }
    for words in COLLECTOR {
        let ran = desk.collector(words);
        assert_ne!(ran.code, 0, "{words:?} is not an error: {}", ran.out);
        writeln!(all, "collector {}\n{}", words.join(" "), failure_text(&desk, &ran)).unwrap();
    }
    for words in SPAWN {
        let ran = run_command(&mut desk.command("spawn", words));
        assert_ne!(ran.code, 0, "{words:?} is not an error: {}", ran.out);
        writeln!(all, "spawn {}\n{}", words.join(" "), failure_text(&desk, &ran)).unwrap();
    }
    insta::assert_snapshot!(all);
    let left: Vec<_> = fs::read_dir(desk.home()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(
        left.iter().all(|name| name == "there.parquet" || name == ".cache"),
        "something was left behind: {left:?}"
    );
}
