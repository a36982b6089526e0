//! The home folders of the people on this machine. Their files are untrusted, and a home may be on
//! a server that does not answer, so only looks in their own threads read them.

use crate::machine::Machine;
use std::path::PathBuf;

/// Returns each home folder, as an absolute path below the machine's root.
pub(crate) fn homes(machine: &Machine) -> Vec<String> {
    let mut found: Vec<String> =
        names(machine.path("/home")).into_iter().map(|name| format!("/home/{name}")).collect();
    found.push("/root".to_string());
    found
}

/// Returns the names in a folder, and none if it cannot be read.
pub(crate) fn names(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().to_string()).collect()
}
