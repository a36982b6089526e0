//! The progress of an end.

use crate::end_action::EndAction;
use crate::notice::EndCause;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// An end in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndProgress {
    pub(crate) cause: EndCause,
    pub(crate) action: EndAction,
    pub(crate) stage: EndStage,
    pub(crate) since: SignedDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EndStage {
    /// The hook runs.
    Hook,
    /// The call is being made; `tried` is the time of the latest attempt.
    Call { tried: SignedDuration },
    /// AWS accepted the call.
    Accepted,
    /// The machine powers itself off.
    PowerOff,
}
