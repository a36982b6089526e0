//! Measures `spawn`: its start against `truffle version`, and a list of all regions against a list
//! of one, with 60 ms for each answer of the sandbox.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::{BenchRun, compare, line, time_command};
use crate::TaskError;
use crate::sandbox_load::SandboxProcess;

/// Runs of each start, which takes some milliseconds.
const START_RUNS: usize = 101;
/// Runs of each list.
const LIST_RUNS: usize = 21;
/// Without throttling, because the runs follow each other at once.
const SCENARIO: &str = "latency_ms: 60\nthrottling: false\ntiming: {pending: 0s, visible_after: 0s}\n";
/// A launch without ssh, a key and a role.
const LAUNCH: [&str; 12] = [
    "launch",
    "t3.micro",
    "--ttl",
    "8h",
    "--deliver",
    "none",
    "--key",
    "none",
    "--role",
    "none",
    "--name",
    "bench",
];

impl BenchRun {
    /// Prints a row for each start and for the list.
    pub(super) fn spawn(&self) -> Result<(), TaskError> {
        let version = || self.truffle(&["version"]);
        let help = || {
            let mut command = self.program("spawn");
            command.arg("--help");
            command
        };
        let (ours, rival) = compare(START_RUNS, help, version)?;
        line("spawn --help, against truffle version", ours, rival, "1.2");
        let (ours, rival) = compare(START_RUNS, || self.completion(), version)?;
        line("a completion of spawn, against it", ours, rival, "1.2");
        self.list_regions()
    }

    /// Returns the command by which bash completes `spawn `.
    fn completion(&self) -> Command {
        let mut command = self.program("spawn");
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "1").args(["--", "spawn", ""]);
        command
    }

    fn list_regions(&self) -> Result<(), TaskError> {
        let scenario = self.home.join("latency.yaml");
        fs::write(&scenario, SCENARIO).map_err(|error| format!("{}: {error}", scenario.display()))?;
        let mut server = self.program("mycelium");
        server.args(["sandbox", "serve", "--port", "0", "--scenario"]).arg(&scenario);
        let child = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut serving =
            SandboxProcess(child.map_err(|error| format!("cannot start the sandbox: {error}"))?);
        let mut first = String::new();
        if let Some(messages) = serving.0.stderr.take() {
            BufReader::new(messages).read_line(&mut first).map_err(|error| error.to_string())?;
        }
        let url = first.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.ok_or_else(|| format!("the sandbox printed no address: {first}"))?;
        let mut asks = self.program("mycelium");
        let output =
            asks.args(["sandbox", "env", "--url", url]).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let variable = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_string(), value.trim_matches('\'').to_string()))
        };
        let variables: Vec<(String, String)> = text.lines().filter_map(variable).collect();
        let spawn = |words: &[&str]| {
            let mut command = self.program("spawn");
            command.args(words).envs(variables.iter().map(|(name, value)| (name, value)));
            command
        };
        time_command(&mut spawn(&LAUNCH))?;
        let one = ["list", "--region", "us-east-1"];
        let (ours, rival) = compare(LIST_RUNS, || spawn(&["list"]), || spawn(&one))?;
        line("spawn list, against one region", ours, rival, "2.5, at 60 ms for an answer");
        Ok(())
    }
}
