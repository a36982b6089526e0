//! Replays recorded machines under presets of the idle policy, and compares the result with a
//! second implementation in Python.

use crate::{TaskError, cargo, root, run, tools};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Default of `--every`: one of 20 PlanetLab days is replayed. All of them take six minutes.
const EVERY: &str = "20";

/// Prints the table. Without the traces, which are not in this repository, it prints that it was
/// skipped.
pub(crate) fn replay(words: &[&str]) -> Result<(), TaskError> {
    let (folder, every) = match words {
        [folder] => (*folder, EVERY),
        [folder, "--every", every] => (*folder, *every),
        _ => return Err("expected: cargo xtask idle FOLDER [--every N]".to_string()),
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
