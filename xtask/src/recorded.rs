//! Answers of AWS that were recorded, against the sandbox's for the same things, both as an SDK reads them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::load::Serving;
use crate::{Failed, cargo, root, run, tools};

/// Prints what is equal, what AWS has changed since, and what differs; fails where a difference is not listed.
pub(crate) fn compare(folder: &str) -> Result<(), Failed> {
    let python = tools().join("rival/bin/python");
    if !python.exists() {
        println!("recorded answers: skipped, cargo xtask setup --tests brings the SDK that reads them");
        return Ok(());
    }
    if !Path::new(folder).is_dir() {
        println!(
            "recorded answers: skipped, {folder} is not there, and nothing like it is in the repository"
        );
        return Ok(());
    }
    run(cargo().args(["build", "--quiet", "--workspace"]).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("debug/mycelium");
    let mut serve = Command::new(&program);
    let child = serve.args(["sandbox", "serve", "--port", "0"]).stderr(Stdio::piped()).spawn();
    let mut serving = Serving(child.map_err(|error| format!("the sandbox cannot be started: {error}"))?);
    let mut line = String::new();
    // It stays open: the server writes to it.
    let mut said = serving.0.stderr.take().map(BufReader::new).ok_or("the sandbox says nothing")?;
    said.read_line(&mut line).map_err(|error| error.to_string())?;
    let url = line.split_whitespace().find(|word| word.starts_with("http://"));
    let url = url.ok_or(format!("the sandbox did not start: {line}"))?;
    let printed = Command::new(&program).args(["sandbox", "env", "--url", url]).output();
    let printed = printed.map_err(|error| error.to_string())?;
    let script = root().join("sandbox/tests/recorded.py");
    let mut compare = Command::new(python);
    compare.env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(folder);
    for line in String::from_utf8_lossy(&printed.stdout).lines() {
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
            compare.env(name, value.trim_matches('\''));
        }
    }
    run(&mut compare)
}
