//! The machine's counters at one instant, and their growth.

use domain::Known;
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// The counters at one instant. They are kept by name, so a device that appears or disappears does
/// not change a rate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CounterSample {
    pub(crate) mono: SignedDuration,
    pub(crate) cpu: Result<ProcessorTimes, String>,
    /// Bytes by device.
    pub(crate) received: DeviceCounters,
    pub(crate) sent: DeviceCounters,
    /// Bytes by whole disk.
    pub(crate) disk: DeviceCounters,
    pub(crate) terminals: TerminalTable,
    pub(crate) logins: Known<BTreeSet<String>>,
}

/// Time of all processors together since the boot, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessorTimes {
    /// Time in which they worked.
    pub(crate) worked: u64,
    /// Time in which they had work, but the hypervisor took them away.
    pub(crate) stolen: u64,
    /// The sum of both, and of idle and waiting time.
    pub(crate) all: u64,
    /// Number of processors.
    pub(crate) cores: usize,
}

/// The last use of a terminal. The kernel updates it in steps of 8 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TerminalTimes {
    /// A program read typed input.
    pub(crate) input: SystemTime,
    /// A program printed.
    pub(crate) output: SystemTime,
}

/// Terminals by name.
pub(crate) type TerminalTable = BTreeMap<String, TerminalTimes>;

/// Counters by device.
pub(crate) type DeviceCounters = Result<BTreeMap<String, u64>, String>;

/// Returns the growth of the counters of all devices that are in both samples; absent without a
/// device.
pub(crate) fn counter_growth(before: &DeviceCounters, now: &DeviceCounters) -> Known<u64> {
    let (before, now) = match (before, now) {
        (Ok(before), Ok(now)) => (before, now),
        (Err(why), _) | (_, Err(why)) => return Known::Unseen(why.clone()),
    };
    if before.is_empty() && now.is_empty() {
        return Known::Absent;
    }
    let mut bytes: u64 = 0;
    for (name, new) in now {
        match before.get(name).map(|old| new.checked_sub(*old)) {
            Some(Some(more)) => bytes = bytes.saturating_add(more),
            Some(None) => return Known::Unseen(format!("the counter of {name} ran backwards")),
            None => {}
        }
    }
    Known::Is(bytes)
}
