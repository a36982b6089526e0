//! The committed notebooks run, and print the same figures as `truffle query`.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::{Desk, executable_path, repository_root, run_command};

const NAME: &str = "price-against-memory.ipynb";

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
fn the_notebook_is_committed_without_outputs() {
    for name in [NAME, "spot-history.ipynb", "arbitrage.ipynb"] {
        for cell in code(&fs::read_to_string(repository_root().join("notebooks").join(name)).unwrap()) {
            assert_eq!(cell["outputs"], serde_json::json!([]), "{name}: {}", cell["id"]);
            assert_eq!(cell["execution_count"], Value::Null, "{name}: {}", cell["id"]);
        }
    }
}

/// Executes a notebook in the desk's home folder, and returns its code cells. `None` without the
/// Python environment of the tests.
fn execute(desk: &Desk, name: &str, variables: &[(&str, &str)]) -> Option<Vec<Value>> {
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
        .envs(variables.iter().copied())
        .current_dir(desk.home());
    run_command(&mut execute).expect_success();
    Some(code(&fs::read_to_string(&copy).unwrap()))
}

/// Returns the text that the cells printed.
fn printed(cells: &[Value]) -> String {
    let outputs = cells.iter().flat_map(|cell| cell["outputs"].as_array().unwrap());
    outputs.filter(|output| output["name"] == "stdout").map(|output| joined(&output["text"])).collect()
}

#[test]
fn the_notebooks_on_spot_and_arbitrage_agree_with_their_commands() {
    let desk = Desk::default();
    crate::spot::import_early(&desk);
    let variables = [("NOTEBOOK_TYPE", "m7i.large"), ("NOTEBOOK_AS_OF", "2026-11-12")];
    let check = |name: &str, expected: &str| {
        let Some(cells) = execute(&desk, name, &variables) else { return };
        let printed = printed(&cells);
        assert!(printed.lines().any(|line| line == expected), "{name}: {printed}");
    };
    check("spot-history.ipynb", "zones compared: 5, figures that differ: 0");
    // 36 regions with a price, less those that do not offer the type.
    check("arbitrage.ipynb", "ROWS, same order: True");
}

#[test]
fn the_notebook_runs_and_agrees_with_truffle_query() {
    let desk = Desk::default();
    let Some(cells) = execute(&desk, NAME, &[]) else { return };
    let outputs = || cells.iter().flat_map(|cell| cell["outputs"].as_array().unwrap());
    let charts = outputs().filter(|output| output["data"]["image/png"].is_string()).count();
    assert_eq!(charts, 2);
    let printed = printed(&cells);

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
    for line in said {
        assert!(printed.lines().any(|found| found == line), "not printed: {line}\n{printed}");
    }
}
