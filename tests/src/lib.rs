//! The harness of the integration tests: the real executables, in a home of their own.
//!
//! This room is for tests. Nothing here is linked into a program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The instant at which every test asks, unless it says otherwise.
pub const NOW: &str = "2026-11-23T00:00:00Z";

/// A person's machine: a home folder without any settings, and the executables that were built.
pub struct Desk {
    home: tempfile::TempDir,
}

/// What a program did.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code; -1 when a signal ended it.
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

    /// A program of ours with its words, ready to start.
    pub fn command(&self, program: &str, words: &[&str]) -> Command {
        let mut command = Command::new(executable(program));
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

    /// Runs `truffle` with these words.
    pub fn truffle(&self, words: &[&str]) -> Ran {
        ran(&mut self.command("truffle", words))
    }

    /// Runs `collector` with these words.
    pub fn collector(&self, words: &[&str]) -> Ran {
        ran(&mut self.command("collector", words))
    }

    /// Runs `truffle` with something on its standard input.
    pub fn truffle_reading(&self, words: &[&str], input: &str) -> Ran {
        let mut command = self.command("truffle", words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("truffle was built");
        let mut stdin = child.stdin.take().expect("asked for above");
        stdin.write_all(input.as_bytes()).expect("truffle reads its standard input");
        drop(stdin);
        Ran::of(child.wait_with_output().expect("truffle ends"))
    }
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    Ran::of(command.output().unwrap_or_else(|e| panic!("{:?}: {e}", command.get_program())))
}

impl Ran {
    fn of(output: std::process::Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The standard output of a run that went well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{}", self.err);
        self.out
    }
}

/// The repository's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the repository").to_path_buf()
}

/// An executable that `cargo build` made: it lies beside the folder of the test executables.
pub fn executable(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test knows its own path");
    let folder = here.parent().and_then(Path::parent).expect("tests lie in target/<profile>/deps");
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}
