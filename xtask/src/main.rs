//! Development tasks: `cargo xtask …`. It has almost no dependencies, because it is built before
//! everything else.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "tasks use files and print")]

mod attacks;
mod bench;
mod bind;
mod daemon;
mod debian;
mod glibc;
mod hooks;
mod idle;
mod recorded;
mod sandbox_load;
mod setup;
mod style_report;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The reason why a task failed, printed after `error: `.
pub(crate) type TaskError = String;

const HELP: &str = "\
cargo xtask setup [--tests]    install the DuckDB library; with --tests also the Python packages of the
                               tests, and Debian's OpenSSH server and cloud-init, unpacked
cargo xtask setup --ssh        unpack Debian's packages alone, for make demo-spawn
cargo xtask seed               derive datasets/seed again from the pinned wheels
cargo xtask style [--base REV] [--verbose]
                               print the language measures of each crate and document, now and at REV
                               [default: 808ce66]; --verbose lists each violation
cargo xtask hooks              install a git hook that checks the subject of each commit
cargo xtask subject FILE       check the subject of the commit message in FILE, as the hook does
cargo xtask daemon [--measure MINUTES]
                               build the released spawnd into lib/mycelium of the build folder, where
                               spawn finds it; check its size and its glibc version; with
                               --measure also its memory, processor time and timers, with every signal on
cargo xtask idle FOLDER [--every N]
                               replay recorded machines under presets of the idle policy, and compare the
                               stops with a second implementation in Python
cargo xtask recorded FOLDER    compare recorded answers of AWS with the sandbox's
cargo xtask attacks SCRIPTS [--programs FOLDER]
                               make inputs for the attack scripts of a folder (bad_files.py, bundles.py,
                               parquet_flips.py, passing_names.py, redact.py, room.py, tamper.py), run
                               them, and print the number of cases; --programs: against the executables
                               of that folder [default: build them]
cargo xtask bench [sandbox | lifecycle | models [--seed N] [--m4 FOLDER]
                   | anomalies [--seed N | --calibrate] | commitment [--seed N] | money [FOLDER]
                   | recommend [--seed N]
                   | --imports [--offer-megabytes N] [--bill-rows N]
                   | --spot-history FILE [--growth]]
                               measure ratios against DuckDB alone (builds in release mode);
                               sandbox: requests per second with 10,000 instances;
                               lifecycle: a million random steps;
                               models: errors of forecasts on invented bills [default: of seeds 1 to 5
                               and one drawn now] and on the weekly series of the M4 competition;
                               anomalies: anomalies that are found in them, and false alerts;
                               commitment: losses of commitments in invented years, and the time of an
                               answer over three months of 100,000 lines;
                               money: spot prices, regions and interruption rates, on the real data of a
                               folder [default: ../shared/data];
                               recommend: the time of 1,000 random needs, and the errors of runtimes and
                               choices of types on the runs of ../shared/data;
                               --imports: only invented price lists and bills of that size;
                               --growth: also lakes of 4 and 16 times the history, which takes half an hour";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["setup"] => setup::libraries(),
        ["setup", "--ssh"] => debian::packages(),
        ["setup", "--tests"] => {
            setup::libraries().and_then(|()| setup::python()).and_then(|()| debian::packages())
        }
        ["seed"] => run(cargo().args(["run", "--quiet", "--package", "seed"]).current_dir(root())),
        ["style", rest @ ..] => style_report::print(rest),
        ["hooks"] => hooks::install(),
        ["subject", file] => hooks::check_message(file),
        ["daemon"] => daemon::build().map(drop),
        ["daemon", "--measure", minutes] => daemon::build().and_then(|path| daemon::measure(&path, minutes)),
        ["idle", rest @ ..] => idle::replay(rest),
        ["recorded", folder] => recorded::compare(folder),
        ["attacks", rest @ ..] => attacks::attack(rest),
        ["bench", rest @ ..] => bench::run(rest),
        _ => Err(format!("unknown task; the tasks are\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the repository's folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the repository").to_path_buf()
}

/// Returns the folder of downloaded tools, which git ignores.
pub(crate) fn tools() -> PathBuf {
    root().join(".tools")
}

/// Returns a cargo command without the variables that the outer cargo set for this program. Build
/// scripts that read them would otherwise count as changed, and the AWS SDK would be built again
/// each time.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    let is_ours = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| is_ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Runs a command and waits for it. Errors: it does not start, or its exit status is not success.
pub(crate) fn run(command: &mut Command) -> Result<(), TaskError> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} failed: {status}")),
        Err(error) => Err(format!("cannot start {name}: {error}")),
    }
}
