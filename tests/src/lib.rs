//! The harness of the integration tests: it runs the real executables in a home folder of their
//! own.
//!
//! No program links this crate.

#![allow(clippy::disallowed_methods, reason = "tests run executables")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The clock of every test that sets no other one.
pub const NOW: &str = "2026-11-23T00:00:00Z";

/// A user's machine: a home folder without settings, and the built executables.
pub struct Desk {
    home: tempfile::TempDir,
}

/// The result of a program.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code; -1 after a signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { home: tempfile::tempdir().expect("a temporary folder can be made") }
    }
}

impl Desk {
    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Returns the command of one of our programs, with a clean environment and the clock of
    /// [`NOW`].
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(executable_path(program));
        command
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("MYCELIUM_NOW", NOW)
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs `truffle` with these arguments.
    pub fn truffle(&self, words: &[&str]) -> Ran {
        run_command(&mut self.command("truffle", words))
    }

    /// Runs `collector` with these arguments.
    pub fn collector(&self, words: &[&str]) -> Ran {
        run_command(&mut self.command("collector", words))
    }

    /// Runs `truffle` with this text on its standard input.
    pub fn truffle_reading(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command("truffle", words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("truffle was built");
        let mut stdin = child.stdin.take().expect("it is piped above");
        stdin.write_all(input.as_bytes()).expect("truffle reads its standard input");
        drop(stdin);
        Ran::of(child.wait_with_output().expect("truffle ends"))
    }
}

/// Runs a command and waits until it ends. Panics if it cannot be started.
pub fn run_command(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program())))
}

impl Ran {
    /// The result of a program that ended.
    pub fn of(output: std::process::Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns the standard output. Panics with the standard error unless the exit code is 0.
    #[track_caller]
    pub fn expect_success(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }
}

/// Returns whether the long tests run in full: `MYCELIUM_LONG=1`, which `make test-long` sets.
/// Otherwise each runs a sample.
pub fn is_long_run() -> bool {
    std::env::var_os("MYCELIUM_LONG").is_some_and(|value| value == "1")
}

/// Returns the repository's folder.
pub fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_path_buf()
}

/// Returns the path of an executable that `cargo build` made, in the folder above the test
/// executables. Panics if it does not exist.
pub fn executable_path(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows its own path");
    let folder = here.parent().and_then(Path::parent).expect("tests are in target/<profile>/deps");
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}
