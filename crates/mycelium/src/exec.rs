//! The code of the small executables: they become the `mycelium` beside them.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Replaces this process with `mycelium PROGRAM …`. Uses only the file beside this executable; a
/// file found on PATH could come from anywhere.
pub(crate) fn become_mycelium(program: &str) -> ExitCode {
    let beside = std::env::current_exe()
        .and_then(|path| path.canonicalize())
        .map(|path| path.with_file_name("mycelium"));
    match beside {
        Ok(mycelium) => {
            let error = Command::new(&mycelium).arg(program).args(std::env::args_os().skip(1)).exec();
            eprintln!("error: {} cannot be started: {error}", mycelium.display());
            eprintln!("hint: install mycelium and {program} into one folder");
        }
        Err(error) => eprintln!("error: this program's own path cannot be found: {error}"),
    }
    ExitCode::from(1)
}
