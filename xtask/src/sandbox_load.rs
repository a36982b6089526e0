//! Load test of the sandbox: requests per second of one core, with 10,000 instances, and its
//! memory.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::{TaskError, cargo, root, run as run_command, tools};

/// A server process that is killed on drop.
pub(crate) struct SandboxProcess(pub(crate) Child);

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prints a line for each kind of request. botocore signs the requests before the measurement.
pub(crate) fn run() -> Result<(), TaskError> {
    let python = tools().join("clients/bin/python");
    if !python.exists() {
        println!("the sandbox: skipped, its client is missing: run cargo xtask setup --tests");
        return Ok(());
    }
    let build = ["build", "--release", "--quiet", "-p", "sandbox", "--example", "serve"];
    run_command(cargo().args(build).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let mut server = Command::new(target.join("release/examples/serve"));
    let child = server.arg("0").stdout(Stdio::piped()).spawn();
    let mut serving = SandboxProcess(child.map_err(|error| format!("cannot start the sandbox: {error}"))?);
    let mut line = String::new();
    if let Some(said) = serving.0.stdout.take() {
        BufReader::new(said).read_line(&mut line).map_err(|error| error.to_string())?;
    }
    let script = root().join("sandbox/tests/load.py");
    run_command(
        Command::new(python)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(script)
            .args(line.split_whitespace())
            .arg(serving.0.id().to_string()),
    )
}
