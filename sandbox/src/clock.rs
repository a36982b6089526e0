use std::sync::Arc;

use domain::Timestamp;
use jiff::SignedDuration;

/// Reads real time. The caller supplies it, because this crate has no clock of its own.
pub type RealTime = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The sandbox's clock: real time plus an offset that only grows, or a frozen instant that changes
/// only when it is moved.
pub(crate) struct SandboxClock {
    real: RealTime,
    ahead: SignedDuration,
    frozen: Option<Timestamp>,
}

impl SandboxClock {
    pub(crate) fn new(real: RealTime, frozen: Option<Timestamp>) -> SandboxClock {
        SandboxClock { real, ahead: SignedDuration::ZERO, frozen }
    }

    pub(crate) fn real(&self) -> Timestamp {
        (self.real)()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.frozen.unwrap_or_else(|| self.real() + self.ahead)
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Moves the clock forward; a negative span moves nothing, because no event can be undone.
    pub(crate) fn forward(&mut self, by: SignedDuration) {
        let by = by.max(SignedDuration::ZERO);
        match &mut self.frozen {
            Some(at) => *at = at.saturating_add(by).unwrap_or(Timestamp::MAX),
            None => self.ahead = self.ahead.saturating_add(by),
        }
    }
}
