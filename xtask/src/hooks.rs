//! The commit-msg hook of git, for those who want it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use xtask::style::subject_problem;

use crate::{TaskError, root};

/// The hook. It calls this program, so that the rule is written once.
const HOOK: &str = "\
#!/bin/sh
# Installed by: cargo xtask hooks
exec cargo xtask subject \"$(realpath \"$1\")\"
";

/// Installs the hook. A hook of another origin is left alone and reported.
pub(crate) fn install() -> Result<(), TaskError> {
    let output = Command::new("git")
        .args(["rev-parse", "--git-path", "hooks/commit-msg"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cannot start git: {error}"))?;
    if !output.status.success() {
        return Err("this folder is not a git repository".into());
    }
    let path = root().join(String::from_utf8_lossy(&output.stdout).trim());
    let failed = |error| format!("{}: {error}", path.display());
    if fs::read_to_string(&path).is_ok_and(|found| found != HOOK) {
        return Err(format!("{} is another hook: remove it first", path.display()));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&path, HOOK).map_err(failed)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    println!("installed {}", path.display());
    Ok(())
}

/// Checks the subject in a file with a commit message. Messages that git makes for merges pass.
pub(crate) fn check_message(file: &str) -> Result<(), TaskError> {
    let message = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let subject = message.lines().next().unwrap_or_default();
    match subject_problem(subject).filter(|_| !subject.starts_with("Merge ")) {
        Some(problem) => Err(format!("{problem}; see CONTRIBUTING.md, \"House style\"")),
        None => Ok(()),
    }
}
