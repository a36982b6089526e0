//! Looks that may never return: at a home on a server that is gone, or at a GPU with a hung driver.
//! Each has a thread of its own, so a stuck look delays nothing but itself. Its signal is unseen
//! until it returns.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A look in a thread of its own, which keeps the look's state.
pub(crate) struct Look<T> {
    slot: Arc<LookSlot<T>>,
    /// The start of the look that has not returned yet.
    since: Instant,
    /// That look began in an earlier round.
    stuck: bool,
}

/// The place where both threads meet. Channels would add 50 kB to the executable.
struct LookSlot<T> {
    stage: Mutex<LookStage<T>>,
    changed: Condvar,
}

enum LookStage<T> {
    Waiting,
    Ordered,
    Looking,
    Done(T),
    /// The daemon has dropped the look.
    Over,
}

impl<T> LookSlot<T> {
    fn stage(&self) -> MutexGuard<'_, LookStage<T>> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, stage: LookStage<T>) {
        *self.stage() = stage;
        self.changed.notify_all();
    }

    /// Waits for an order. Returns false when the look is over.
    fn await_order(&self) -> bool {
        let waits = |stage: &mut LookStage<T>| !matches!(stage, LookStage::Ordered | LookStage::Over);
        let guard = self.changed.wait_while(self.stage(), waits);
        let mut stage = guard.unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, LookStage::Over) {
            return false;
        }
        *stage = LookStage::Looking;
        true
    }

    /// Stores the result of a look. Returns false when the look is over.
    fn deliver(&self, seen: T) -> bool {
        let mut stage = self.stage();
        if matches!(*stage, LookStage::Over) {
            return false;
        }
        *stage = LookStage::Done(seen);
        self.changed.notify_all();
        true
    }
}

impl<T> Drop for Look<T> {
    fn drop(&mut self) {
        self.slot.set(LookStage::Over);
    }
}

impl<T: Send + 'static> Look<T> {
    /// Starts the thread. If that is impossible, no look returns.
    pub(crate) fn new(name: &str, mut look: impl FnMut() -> T + Send + 'static) -> Look<T> {
        let slot = Arc::new(LookSlot { stage: Mutex::new(LookStage::Waiting), changed: Condvar::new() });
        let own = Arc::clone(&slot);
        let thread = std::thread::Builder::new().name(name.to_string());
        let started = thread.spawn(move || while own.await_order() && own.deliver(look()) {});
        if let Err(why) = started {
            eprintln!("<4>the thread {name} cannot be started: {why}");
        }
        Look { slot, since: Instant::now(), stuck: false }
    }

    /// Starts a look, unless the previous one is stuck. The answer of a look that was stuck is
    /// outdated, and is dropped.
    pub(crate) fn begin(&mut self) {
        self.stuck = matches!(*self.slot.stage(), LookStage::Ordered | LookStage::Looking);
        if !self.stuck {
            self.since = Instant::now();
            self.slot.set(LookStage::Ordered);
        }
    }

    /// Returns the result of the look that [`Look::begin`] started. Errors: it does not return
    /// before `until`.
    pub(crate) fn finish(&mut self, until: Instant) -> Result<T, String> {
        let patience = until.saturating_duration_since(Instant::now());
        let waits = |stage: &mut LookStage<T>| !self.stuck && !matches!(stage, LookStage::Done(_));
        let guard = self.slot.changed.wait_timeout_while(self.slot.stage(), patience, waits);
        let (mut stage, _) = guard.unwrap_or_else(PoisonError::into_inner);
        if !self.stuck
            && matches!(*stage, LookStage::Done(_))
            && let LookStage::Done(seen) = std::mem::replace(&mut *stage, LookStage::Waiting)
        {
            return Ok(seen);
        }
        Err(format!("no answer for {} s", self.since.elapsed().as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;
    use std::time::Duration;

    fn finish<T: Send + 'static>(look: &mut Look<T>, wait: u64) -> Result<T, String> {
        look.begin();
        look.finish(Instant::now() + Duration::from_millis(wait))
    }

    #[test]
    fn a_look_keeps_its_state_in_its_thread() {
        let mut count = 0;
        let mut look = Look::new("count", move || {
            count += 1;
            count
        });
        assert_eq!([1, 2, 3].map(|_| finish(&mut look, 60_000)), [Ok(1), Ok(2), Ok(3)]);
    }

    #[test]
    fn a_stuck_look_is_waited_for_once_and_its_late_answer_is_dropped() {
        let (release, gate) = sync_channel(0);
        let mut count = 0;
        let mut look = Look::new("stuck", move || {
            count += 1;
            if count == 2 {
                gate.recv().expect("a release");
            }
            count
        });
        assert_eq!(finish(&mut look, 60_000), Ok(1));
        assert_eq!(finish(&mut look, 50), Err("no answer for 0 s".to_string()));
        let began = Instant::now();
        for _ in 0..3 {
            assert_eq!(finish(&mut look, 60_000), Err("no answer for 0 s".to_string()));
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it waits once only");
        release.send(()).expect("released");
        let until = Instant::now() + Duration::from_secs(60);
        let next = loop {
            match finish(&mut look, 60_000) {
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                next => break next,
            }
        };
        assert_eq!(next, Ok(3), "the answer of look 2 is outdated");
    }
}
