//! The committed notebooks run, and print the same figures as truffle's answers.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::{Desk, NOW, executable_path, repository_root, run_command};

use crate::costs::{EARLY, LATE, import};

/// Linux on-demand prices in the notebook's region.
const PRICED: &str =
    "SELECT instance_type, observed_at FROM price WHERE region = 'us-east-1' AND os = 'linux'
    AND term = 'on-demand' AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'";

/// Returns the code cells of a notebook.
fn code(text: &str) -> Vec<Value> {
    let notebook: Value = serde_json::from_str(text).unwrap();
    let cells = notebook["cells"].as_array().expect("a notebook has cells").iter();
    cells.filter(|cell| cell["cell_type"] == "code").cloned().collect()
}

/// Returns a text that a notebook stores as one string or as lines.
fn joined(text: &Value) -> String {
    match text {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        whole => whole.as_str().unwrap_or_default().to_string(),
    }
}

#[test]
fn the_notebooks_are_committed_without_outputs() {
    let files = fs::read_dir(repository_root().join("notebooks")).unwrap().map(|file| file.unwrap().path());
    let notebooks = files.filter(|file| file.extension().is_some_and(|ending| ending == "ipynb"));
    let notebooks: Vec<_> = notebooks.collect();
    assert_eq!(notebooks.len(), 5, "{notebooks:?}");
    for notebook in notebooks {
        for cell in code(&fs::read_to_string(&notebook).unwrap()) {
            assert_eq!(cell["outputs"], serde_json::json!([]), "{notebook:?}: {}", cell["id"]);
            assert_eq!(cell["execution_count"], Value::Null, "{notebook:?}: {}", cell["id"]);
        }
    }
}

/// Executes a notebook in a home. Returns the number of its charts and its printed text; `None`
/// without Jupyter.
fn execute(desk: &Desk, name: &str, variables: &[(&str, &str)]) -> Option<(usize, String)> {
    let python = repository_root().join(".tools/venv/bin/python");
    if !python.exists() {
        eprintln!("skipped: there is no .tools/venv; `cargo xtask setup --tests` makes it");
        return None;
    }
    let copy = desk.home().join(name);
    fs::copy(repository_root().join("notebooks").join(name), &copy).unwrap();
    let mut execute = Command::new(python);
    execute
        .args(["-m", "jupyter", "execute", "--inplace"])
        .arg(&copy)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", desk.home())
        .env("MYCELIUM_TRUFFLE", executable_path("truffle"))
        .env("MYCELIUM_NOW", NOW)
        .envs(variables.iter().copied())
        .current_dir(desk.home());
    run_command(&mut execute).expect_success();

    let cells = code(&fs::read_to_string(&copy).unwrap());
    let outputs = || cells.iter().flat_map(|cell| cell["outputs"].as_array().unwrap());
    let charts = outputs().filter(|output| output["data"]["image/png"].is_string()).count();
    let printed =
        outputs().filter(|output| output["name"] == "stdout").map(|output| joined(&output["text"])).collect();
    Some((charts, printed))
}

#[track_caller]
fn check_line(printed: &str, line: &str) {
    assert!(printed.lines().any(|found| found == line), "not printed: {line}\n{printed}");
}

#[test]
fn the_notebook_of_forecasts_agrees_with_truffle_forecast() {
    let desk = Desk::default();
    EARLY.iter().for_each(|statement| import(&desk, statement));
    let Some((charts, printed)) = execute(&desk, "forecast.ipynb", &[]) else { return };
    assert_eq!(charts, 2);
    let columns = "billing_currency,actual_cost,complete_through,total_cost,lower_95,upper_95,method";
    let out = desk.truffle(&["forecast", "--columns", columns, "-o", "csv"]).expect_success();
    let row: Vec<&str> = out.lines().nth(1).unwrap().split(',').collect();
    let [currency, actual, through, total, lower, upper, method] = row[..] else { panic!("{out}") };
    assert!(!lower.is_empty(), "there are past months: {out}");
    let month = &through[..7];
    check_line(&printed, &format!("{currency} {month}: actual cost {actual} through {through}"));
    check_line(&printed, &format!("{currency} {month}: total cost {total}"));
    check_line(&printed, &format!("{currency} {month}: 95 % interval {lower} to {upper}"));
    check_line(&printed, &format!("{currency} {month}: method {method}"));
}

#[test]
fn the_notebook_of_anomalies_agrees_with_truffle_anomalies() {
    let desk = Desk::default();
    // The last one is a month with seven times the usage.
    EARLY.iter().chain(&LATE[..1]).for_each(|statement| import(&desk, statement));
    let Some((charts, printed)) = execute(&desk, "anomalies.ipynb", &[]) else { return };
    assert_eq!(charts, 1);
    let columns = "anomaly_id,kind,started_on,actual_cost,expected_cost,billing_currency,dimension,value";
    let out = desk.truffle(&["anomalies", "--columns", columns, "-o", "csv"]).expect_success();
    let rows: Vec<Vec<&str>> = out.lines().skip(1).map(|line| line.splitn(8, ',').collect()).collect();
    assert!(rows.len() > 1, "{out}");
    for row in &rows {
        let [id, kind, started_on, actual, expected, currency, dimension, value] = row[..] else {
            panic!("{out}")
        };
        let value = if value.is_empty() { dimension } else { value };
        let line = format!(
            "{id}: {kind} of {value} from {started_on}: {actual} instead of {expected} {currency}, mostly "
        );
        assert!(printed.lines().any(|found| found.starts_with(&line)), "not printed: {line}\n{printed}");
    }
    check_line(&printed, &format!("anomalies: {}", rows.len()));
}

#[test]
fn the_notebooks_on_spot_and_arbitrage_agree_with_their_commands() {
    let desk = Desk::default();
    crate::spot::import_early(&desk);
    let variables = [("NOTEBOOK_TYPE", "m7i.large"), ("NOTEBOOK_AS_OF", "2026-11-12")];
    let check = |name: &str, expected: &str| {
        let Some((_, printed)) = execute(&desk, name, &variables) else { return };
        check_line(&printed, expected);
    };
    check("spot-history.ipynb", "zones compared: 5, figures that differ: 0");
    check("arbitrage.ipynb", "same order: True");
}

#[test]
fn the_notebook_runs_and_agrees_with_truffle_query() {
    let desk = Desk::default();
    let Some((charts, printed)) = execute(&desk, "price-against-memory.ipynb", &[]) else { return };
    assert_eq!(charts, 2);
    let count = |from: &str| {
        let sql = format!("WITH priced AS ({PRICED}) SELECT count(*) AS n FROM {from}");
        let rows: Value =
            serde_json::from_str(&desk.truffle(&["query", "-o", "json", &sql]).expect_success()).unwrap();
        rows[0]["n"].as_u64().expect("a count")
    };
    let offered = "(SELECT DISTINCT instance_type FROM offering WHERE region = 'us-east-1')";
    let unpriced =
        format!("{offered} ANTI JOIN priced USING (instance_type) JOIN instance_type USING (instance_type)");
    let said = [
        format!("types known: {}", count("instance_type")),
        format!("types offered in us-east-1: {}", count(offered)),
        format!("types with a known price in us-east-1: {}, in the first chart", count("priced")),
        format!(
            "types with GPUs among them: {}, in the second chart",
            count("priced JOIN instance_type USING (instance_type) WHERE gpus > 0")
        ),
        format!(
            "types offered in us-east-1 without a known price: {}, {} of them with GPUs",
            count(&unpriced),
            count(&format!("{unpriced} WHERE gpus > 0"))
        ),
        format!("prices as of 2024-02: {}", count("priced WHERE strftime(observed_at, '%Y-%m') = '2024-02'")),
        format!("prices as of 2025-03: {}", count("priced WHERE strftime(observed_at, '%Y-%m') = '2025-03'")),
    ];
    said.iter().for_each(|line| check_line(&printed, line));
}
