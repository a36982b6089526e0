//! The heartbeats of one daemon process.

use crate::inputs::AwsCallError;
use jiff::SignedDuration;

/// The heartbeat record of one daemon process. It is not saved.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HeartbeatHistory {
    pub(crate) tried: Option<SignedDuration>,
    pub(crate) written: Option<SignedDuration>,
    pub(crate) count: u64,
    pub(crate) failures: u64,
    /// Why the latest attempt failed; none after a success.
    pub(crate) failed: Option<AwsCallError>,
}

impl HeartbeatHistory {
    /// Whether AWS denied the latest attempt, so that a retry is useless.
    pub(crate) fn denied(&self) -> bool {
        matches!(self.failed, Some(AwsCallError::Denied(_)))
    }
}
