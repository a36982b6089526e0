//! Replays recorded machines under presets of the idle policy, against a second reading of it in Python.

use crate::{Failed, cargo, root, run, tools};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every so many days of PlanetLab's machines, where nothing else is said: all of them take six minutes.
const EVERY: &str = "20";

/// Prints the table. Traces are not in this repository: where there are none, that is said and nothing done.
pub(crate) fn replay(words: &[&str]) -> Result<(), Failed> {
    let (folder, every) = match words {
        [folder] => (*folder, EVERY),
        [folder, "--every", every] => (*folder, *every),
        _ => return Err("expected a folder with traces, and perhaps --every N".to_string()),
    };
    if !Path::new(folder).join("planetlab.parquet").exists() {
        println!("skipped: there is no planetlab.parquet in {folder}");
        return Ok(());
    }
    run(cargo()
        .args(["build", "--quiet", "--profile", "daemon", "--package", "spawnd"])
        .current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let python = tools().join("venv/bin/python");
    run(Command::new(python)
        .arg(root().join("xtask/idle.py"))
        .arg(folder)
        .arg(target.join("daemon/spawnd"))
        .arg(every))
}
