//! `spawnd simulate` against a second implementation of the policy in Python, over three traces: an
//! office machine, a notebook with a GPU and lost readings, and machines with irregular rows.

use std::process::Command;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/replay");

/// Returns the lines of a program; `None` if it is not installed.
fn lines(command: &mut Command) -> Option<Vec<String>> {
    let output = command.output().ok()?;
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("text").lines().map(str::to_string).collect())
}

/// Returns the numbers of a line, without the percentages in brackets.
fn numbers(line: &str) -> Vec<i64> {
    let line =
        line.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect::<String>();
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

/// Checks that both implementations stop the same machines at the same seconds, with the same
/// totals.
fn check(trace: &str, minutes: u32, thresholds: &[(&str, f64)]) {
    let trace = format!("{FOLDER}/{trace}.csv");
    let mut python = Command::new("python3");
    python.arg(format!("{FOLDER}/replay.py")).arg(&trace).arg(minutes.to_string());
    python.args(thresholds.iter().map(|(signal, limit)| format!("{signal}={limit}")));
    let Some(mut expected) = lines(&mut python) else {
        println!("skipped: Python is not installed");
        return;
    };
    let limits: serde_json::Map<String, serde_json::Value> =
        thresholds.iter().map(|(signal, limit)| ((*signal).to_string(), (*limit).into())).collect();
    let idle = serde_json::json!({"timeout": format!("{minutes}m"), "thresholds": limits});
    let terms = serde_json::json!({"budget": "8h", "on-expiry": "stop", "idle": idle});
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), terms.to_string()).expect("written");
    let mut spawnd = Command::new(env!("CARGO_BIN_EXE_spawnd"));
    let mut found =
        lines(spawnd.args(["simulate", &trace, "--terms"]).arg(file.path())).expect("spawnd runs");
    let total = found.pop().expect("totals");
    let wanted = expected.pop().expect("totals");
    let stop = |line: &String| {
        let (machine, rest) =
            line.split_once(": ").filter(|(_, rest)| rest.contains(" s: ")).unwrap_or(("", line));
        format!("{machine} {}", numbers(rest)[0])
    };
    assert_eq!(found.iter().map(stop).collect::<Vec<_>>(), expected, "{trace} {minutes} {thresholds:?}");
    assert_eq!(numbers(&total), numbers(&wanted), "{trace} {minutes} {thresholds:?}: {total}");
    assert!(!expected.is_empty(), "a trace without a stop shows nothing");
}

#[test]
fn both_implementations_agree_on_three_traces() {
    for minutes in [15, 30, 60] {
        check("office", minutes, &[]);
        check("notebook", minutes, &[]);
        check("batch", minutes, &[]);
    }
    check("office", 30, &[("cpu", 0.17)]);
    check("office", 20, &[("cpu", 3.0), ("network", 100.0), ("disk", 200.0)]);
    check("notebook", 10, &[("gpu", 90.0), ("ssh", 2.0)]);
    check("batch", 15, &[("cpu", 5.0)]);
}
