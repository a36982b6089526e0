//! Builds the daemon as it is shipped, and checks what its file asks of a machine.

use crate::glibc::highest_glibc;
use crate::{Failed, cargo, root, run};
use std::path::{Path, PathBuf};
use std::process::Command;

const LARGEST: usize = 4_000_000;
/// The glibc of the oldest systems that it runs on.
const GLIBC: (u32, u32) = (2, 34);

/// Builds with the profile `daemon`, alone, so that no other crate's features make it larger.
pub(crate) fn check() -> Result<PathBuf, Failed> {
    let build = ["build", "--quiet", "--profile", "daemon", "--package", "spawnd"];
    run(cargo().args(build).current_dir(root()))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let path = target.join("daemon/spawnd");
    let file = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let glibc = highest_glibc(&file).ok_or("it is not linked with glibc, so NVML could not be loaded")?;
    println!("{}: {} bytes, needs glibc {}.{}", path.display(), file.len(), glibc.0, glibc.1);
    match (file.len() <= LARGEST, glibc <= GLIBC) {
        (true, true) => Ok(path),
        (false, _) => Err(format!("it has {} bytes, expected at most {LARGEST}", file.len())),
        (true, false) => Err(format!("it needs glibc {glibc:?}, expected at most {GLIBC:?}")),
    }
}

/// Runs it at the pace of life against a cloud on the loopback, and prints what it costs.
pub(crate) fn measure(spawnd: &Path, minutes: &str) -> Result<(), Failed> {
    run(Command::new("python3").arg(root().join("xtask/daemon.py")).arg(spawnd).arg(minutes))
}
