//! The part of the state that concerns the expiry tag.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Two ends of one generation count as equal when they differ by at most this.
pub(crate) const SAME: SignedDuration = SignedDuration::from_secs(60);

/// The daemon's view of the expiry tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IntentState {
    pub(crate) generation: u64,
    /// The tag differs from the daemon's intent and must be written.
    pub(crate) dirty: bool,
    pub(crate) tried: Option<SignedDuration>,
    pub(crate) written: Option<SignedDuration>,
    /// Since when the tag of the running instance reads as paused.
    pub(crate) paused_since: Option<SignedDuration>,
    /// Since when the tag disagrees within one generation.
    pub(crate) tie_since: Option<SignedDuration>,
    /// An extension that waits for its tag to be written.
    pub(crate) request: Option<ExtensionRequest>,
    /// The time left was counted without the daemon; the tag of the launch is older.
    #[serde(default)]
    pub(crate) counted: bool,
    /// A pause that the daemon itself wrote into the tag.
    #[serde(default)]
    pub(crate) exit_pause: ExitPause,
    /// The latest reading of the tag, as text for the status.
    pub(crate) seen: String,
}

/// The pause that a daemon writes into the tag as the last thing, because the machine may be
/// shutting down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ExitPause {
    /// The tag has another intent.
    #[default]
    Absent,
    /// This process wrote it.
    Written,
    /// An earlier process wrote it. The machine runs, so it is withdrawn at once.
    Inherited,
}

/// An extension that takes effect once its tag is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtensionRequest {
    pub(crate) ticket: u64,
    pub(crate) generation: u64,
    /// The running time left after the extension, as of `at`.
    pub(crate) left: SignedDuration,
    pub(crate) at: SignedDuration,
}

impl IntentState {
    /// Drops everything that belongs to the process that saved this.
    pub(crate) fn begin_process(&mut self) {
        self.request = None;
        if self.exit_pause == ExitPause::Written {
            self.exit_pause = ExitPause::Inherited;
        }
    }

    /// Takes the place of the launch's tag, which has the first generation.
    pub(crate) fn take_count(&mut self) {
        self.generation = 1;
        self.counted = true;
    }

    pub(crate) fn reset_for_boot(&mut self) {
        self.tried = None;
        self.written = None;
        self.paused_since = None;
        self.tie_since = None;
        self.request = None;
    }

    /// Whether the tag matches the daemon's intent, as far as is known, and no extension waits for
    /// it.
    pub(crate) fn is_settled(&self) -> bool {
        !self.dirty && self.request.is_none()
    }

    /// Starts a new generation of the daemon's intent, which must be written.
    pub(crate) fn change(&mut self) {
        self.generation += 1;
        self.counted = false;
        self.exit_pause = ExitPause::Absent;
        self.dirty = true;
        self.tried = None;
        self.paused_since = None;
        self.tie_since = None;
    }
}
