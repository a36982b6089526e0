//! Compares recorded answers of AWS with the sandbox's answers to the same requests, both as parsed
//! by an SDK.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sandbox_load::SandboxProcess;
use crate::{TaskError, cargo, root, run, tools};

/// Prints the equal values, the changes at AWS since, and the differences. Errors: a difference is
/// not listed in recorded.py.
pub(crate) fn compare(folder: &str) -> Result<(), TaskError> {
    let python = tools().join("rival/bin/python");
    if !python.exists() {
        println!("recorded answers: skipped, their SDK is missing: run cargo xtask setup --tests");
        return Ok(());
    }
    if !Path::new(folder).is_dir() {
        println!("recorded answers: skipped, there is no folder {folder}; the repository has no records");
        return Ok(());
    }
    run(cargo().args(["build", "--quiet", "--workspace"]).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("debug/mycelium");
    let mut serve = Command::new(&program);
    let child = serve.args(["sandbox", "serve", "--port", "0"]).stderr(Stdio::piped()).spawn();
    let mut serving = SandboxProcess(child.map_err(|error| format!("cannot start the sandbox: {error}"))?);
    let mut line = String::new();
    // The pipe stays open, because the server goes on writing to it.
    let mut said = serving.0.stderr.take().map(BufReader::new).ok_or("the sandbox has no stderr pipe")?;
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
