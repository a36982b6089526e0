//! Starting another executable of mycelium.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// Returns the path of this executable, with links resolved.
pub(crate) fn own_path() -> io::Result<PathBuf> {
    std::env::current_exe().and_then(|path| path.canonicalize())
}

/// Replaces this process by the executable `name` in the folder of this one, with these words. It
/// returns only when that failed.
pub(crate) fn exec_beside(name: &str, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    exec_with(name, words, None)
}

/// Does the same with one more environment variable.
///
/// Executables on PATH are never started: they may belong to another user or another version.
pub(crate) fn exec_with(
    name: &str,
    words: impl IntoIterator<Item = OsString>,
    variable: Option<(&str, &OsStr)>,
) -> ExitCode {
    match own_path().map(|path| path.with_file_name(name)) {
        Ok(path) => {
            let error = Command::new(&path).args(words).envs(variable).exec();
            eprintln!("error: {} cannot be started: {error}", path.display());
            eprintln!("hint: install all executables of mycelium into one folder, as make install does");
        }
        Err(error) => eprintln!("error: the path of this executable cannot be found: {error}"),
    }
    ExitCode::from(1)
}
