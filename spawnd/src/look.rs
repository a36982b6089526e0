//! Looks that may never return: at a home on a server that is gone, or at a GPU with a hung driver.
//! Each has a thread of its own, so a stuck look delays nothing but itself. Its signal is unseen
//! until it returns.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Instant;

/// A look in a thread of its own, which keeps the look's state.
pub(crate) struct Look<T> {
    orders: SyncSender<()>,
    answers: Receiver<T>,
    /// The start of the look that has not returned yet.
    since: Option<Instant>,
    /// That look began in an earlier round.
    stuck: bool,
}

impl<T: Send + 'static> Look<T> {
    /// Starts the thread. If that is impossible, each look fails.
    pub(crate) fn new(name: &str, mut look: impl FnMut() -> T + Send + 'static) -> Look<T> {
        let (order, orders) = sync_channel(1);
        let (answer, answers) = sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_string());
        let started = thread.spawn(move || {
            for () in orders {
                if answer.send(look()).is_err() {
                    return;
                }
            }
        });
        if let Err(why) = started {
            eprintln!("<4>the thread {name} cannot be started: {why}");
        }
        Look { orders: order, answers, since: None, stuck: false }
    }

    /// Starts a look, unless the previous one is stuck. The answer of a look that was stuck is
    /// outdated, and is dropped.
    pub(crate) fn begin(&mut self) {
        self.stuck = self.since.is_some() && matches!(self.answers.try_recv(), Err(TryRecvError::Empty));
        if !self.stuck {
            self.since = self.orders.try_send(()).ok().map(|()| Instant::now());
        }
    }

    /// Returns the result of the look that [`Look::begin`] started. Errors: it does not return
    /// before `until`.
    pub(crate) fn finish(&mut self, until: Instant) -> Result<T, String> {
        let Some(since) = self.since else { return Err("its thread has ended".to_string()) };
        let no_answer = || format!("no answer for {} s", since.elapsed().as_secs());
        if self.stuck {
            return Err(no_answer());
        }
        match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(seen) => {
                self.since = None;
                Ok(seen)
            }
            Err(RecvTimeoutError::Timeout) => Err(no_answer()),
            Err(RecvTimeoutError::Disconnected) => Err("its thread has ended".to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
