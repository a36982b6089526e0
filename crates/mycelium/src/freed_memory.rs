//! A setting of glibc for imports: freed memory stays with the process.
//!
//! An import allocates memory of the same sizes for each piece of its file. By default glibc gives
//! much of it back at once, and a quarter of the import's processor time was the kernel's work of
//! clearing the same pages again and again.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::exec::own_path;

/// The environment variable with the settings of glibc.
const TUNABLES: &str = "GLIBC_TUNABLES";

/// Sizes, in bytes, that no free memory of an import reaches.
const KEEP: &str = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296";

/// Starts this executable again with the same words and with the setting, which glibc reads at the
/// start alone. Returns if the setting is there, or if it cannot be made: then the import is only
/// slower.
pub(crate) fn keep_freed_memory() {
    let known = std::env::var(TUNABLES).unwrap_or_default();
    if !cfg!(target_env = "gnu") || known.contains(KEEP) {
        return;
    }
    let settings = if known.is_empty() { KEEP.to_string() } else { format!("{known}:{KEEP}") };
    if let Ok(path) = own_path() {
        let _ = Command::new(path).args(std::env::args_os().skip(1)).env(TUNABLES, settings).exec();
    }
}
