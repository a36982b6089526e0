//! Reads the files of `/proc`.

use crate::machine::Machine;
use procfs_core::ExplicitSystemInfo;

/// Reads a text file of `/proc`. The error is a lowercase fragment.
pub(crate) fn read(machine: &Machine, path: &str) -> Result<String, String> {
    std::fs::read_to_string(machine.path(path)).map_err(|error| format!("{path}: {error}"))
}

/// Returns the properties of the machine that procfs-core needs. The time of the boot is not used.
pub(crate) fn system() -> ExplicitSystemInfo {
    ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        page_size: rustix::param::page_size() as u64,
        is_little_endian: cfg!(target_endian = "little"),
    }
}
