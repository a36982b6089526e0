//! A machine's clocks and its current boot, as read at the start of a step.

use domain::{Known, Timestamp};
use jiff::SignedDuration;

/// The three clocks of a Linux machine, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReadings {
    /// CLOCK_MONOTONIC: since boot, without the time spent hibernated.
    pub mono: SignedDuration,
    /// CLOCK_BOOTTIME: since boot, with the time spent hibernated.
    pub boot: SignedDuration,
    /// CLOCK_REALTIME: it may be stepped at any moment; see [`crate::DaemonState::now`] for its
    /// use.
    pub wall: Timestamp,
}

/// The identity of the current boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootIdentity {
    /// The id of the instance.
    pub instance: Known<String>,
    /// The kernel's `boot_id`: new after every boot, unchanged after a resume.
    pub id: String,
    /// `pendingTime` of the identity document: new after a stop and start, unchanged after a
    /// reboot.
    pub pending: Known<Timestamp>,
}
