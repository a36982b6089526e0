//! `truffle search` against an independent reading of the same data in Python.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tests::{Desk, is_long_run, repository_root, run_command};

/// Returns combinations, and the types that `tests/crosscheck.py` finds for them in the raw
/// records.
fn run_crosscheck(count: usize, seed: &str) -> Option<Value> {
    let wheel = repository_root().join(".tools/wheels/moto-5.2.5-py3-none-any.whl");
    if !wheel.exists() {
        eprintln!("skipped: {} is missing; `make test` installs it", wheel.display());
        return None;
    }
    let mut python = Command::new("python3");
    python.arg(repository_root().join("tests/crosscheck.py")).arg(&wheel).args([
        "--random",
        &count.to_string(),
        seed,
    ]);
    Some(serde_json::from_str(&run_command(&mut python).expect_success()).expect("crosscheck.py prints JSON"))
}

/// Returns a combination as flags. A flag alone means true.
fn flags(filters: &Value) -> Vec<String> {
    let filters = filters.as_object().expect("a combination is an object");
    let mut words: Vec<String> = filters
        .iter()
        .map(|(name, value)| match value {
            Value::Bool(true) => format!("--{name}"),
            Value::Bool(false) => format!("--{name}=false"),
            Value::String(text) => format!("--{name}={text}"),
            other => panic!("{name}: {other} is not a filter"),
        })
        .collect();
    if !filters.contains_key("region") {
        words.push("--region=all".into());
    }
    words
}

fn found_types(desk: &Desk, filters: &Value) -> BTreeSet<String> {
    let flags = flags(filters);
    let mut words = vec!["search", "-q", "-o", "json", "--limit", "0", "--columns", "instance_type"];
    words.extend(flags.iter().map(String::as_str));
    let ran = desk.truffle(&words);
    assert!(ran.code == 0 || ran.code == 3, "{words:?}: {}", ran.err);
    let rows: Vec<Value> = serde_json::from_str(&ran.out).expect("search prints JSON");
    rows.iter().map(|row| row["instance_type"].as_str().unwrap().to_string()).collect()
}

/// Checks one combination. Returns 1 if it matched a type.
fn check_combination(desk: &Desk, answer: &Value) -> usize {
    let expected: BTreeSet<String> =
        answer["types"].as_array().unwrap().iter().map(|t| t.as_str().unwrap().to_string()).collect();
    assert_eq!(found_types(desk, &answer["filters"]), expected, "{}", answer["filters"]);
    usize::from(!expected.is_empty())
}

#[test]
fn random_combinations_agree_with_the_raw_records() {
    let count = if is_long_run() { 200 } else { 50 };
    let Some(answers) = run_crosscheck(count, "20261123") else { return };
    let desk = Desk::default();
    let answers = answers.as_array().expect("a list");
    assert_eq!(answers.len(), count);
    // The first run builds the warehouse. After that, two run at a time.
    desk.truffle(&["status"]).expect_success();
    let check =
        |part: &[Value]| -> usize { part.iter().map(|answer| check_combination(&desk, answer)).sum() };
    let (one, other) = answers.split_at(count / 2);
    let matched = std::thread::scope(|scope| {
        let one = scope.spawn(|| check(one));
        check(other) + one.join().unwrap()
    });
    assert!(matched > count / 2, "only {matched} combinations matched a type");
}
