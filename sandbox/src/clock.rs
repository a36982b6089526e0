use std::sync::Arc;

use domain::Timestamp;
use jiff::SignedDuration;

/// Reads real time; the caller's, because this room has no clock of its own.
pub type RealTime = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The sandbox's clock: real time and a distance that only grows, or an instant that stands still until
/// somebody moves it.
pub(crate) struct Clock {
    real: RealTime,
    ahead: SignedDuration,
    frozen: Option<Timestamp>,
}

impl Clock {
    pub(crate) fn new(real: RealTime, frozen: Option<Timestamp>) -> Clock {
        Clock { real, ahead: SignedDuration::ZERO, frozen }
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

    /// Forward only: nothing that happened can be undone.
    pub(crate) fn forward(&mut self, by: SignedDuration) {
        let by = by.max(SignedDuration::ZERO);
        match &mut self.frozen {
            Some(at) => *at = at.saturating_add(by).unwrap_or(Timestamp::MAX),
            None => self.ahead = self.ahead.saturating_add(by),
        }
    }
}
