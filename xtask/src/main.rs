//! `cargo xtask …`: what the project does to itself. Kept to almost no dependencies, because it is
//! built before everything else.

mod bench;
mod bind;
mod daemon;
mod glibc;
mod idle;
mod load;
mod recorded;
mod setup;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Why a task stopped, in one sentence.
pub(crate) type Failed = String;

const HELP: &str = "\
cargo xtask setup [--tests]    bring what cargo cannot: the DuckDB library; with --tests the Python side too
cargo xtask seed               derive datasets/seed anew from the pinned wheels
cargo xtask daemon [--measure MINUTES]
                               build spawnd as it is shipped; check its size and the glibc that it needs;
                               measure its memory, processor time and timers, with every signal on
cargo xtask idle FOLDER [--every N]
                               replay recorded machines under presets of the idle policy, against a second
                               reading of it in Python
cargo xtask recorded FOLDER    compare recorded answers of AWS with the sandbox's for the same things
cargo xtask bench [sandbox | lifecycle | --imports [--offer-megabytes N] [--bill-rows N] | --spot-history FILE [--growth]]
                               measure, as ratios against DuckDB alone (builds in release mode); sandbox: with
                               10,000 instances; lifecycle: a million random steps; --imports: of made-up price lists and bills of that size alone;
                               --growth: also in lakes of 4 and 16 times the history, which takes half an hour";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => setup::libraries(),
        ["setup", "--tests"] => setup::libraries().and_then(|()| setup::python()),
        ["seed"] => run(cargo().args(["run", "--quiet", "--package", "seed"]).current_dir(root())),
        ["daemon"] => daemon::check().map(drop),
        ["daemon", "--measure", minutes] => daemon::check().and_then(|path| daemon::measure(&path, minutes)),
        ["idle", rest @ ..] => idle::replay(rest),
        ["recorded", folder] => recorded::compare(folder),
        ["bench", rest @ ..] => bench::run(rest),
        _ => Err(format!("this is not a task\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the repository").to_path_buf()
}

/// What is brought from outside: ignored by git.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// Cargo, as if a person had typed it: what the cargo that runs this program has told it would count as a change for
/// build scripts that ask for it, and the AWS SDK would be built anew each time.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    let told = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end; anything but success is a failure.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}")),
        Err(error) => Err(format!("{name} cannot be started: {error}")),
    }
}
