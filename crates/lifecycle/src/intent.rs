//! How what the tags say and what the daemon knows become one intent.

use crate::state::{Clocks, State};
use domain::later;
use crate::step::{Effect, Refusal};
use crate::tag::{Expiry, Intent};
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// Two ends of one generation are the same when they differ by no more.
const SAME: SignedDuration = SignedDuration::from_secs(60);
/// A disagreement is believed when it is still there after this long.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);
/// A pause that is seen while running is a stop that failed, when it is still there after this long.
const FAILED_STOP: SignedDuration = SignedDuration::from_mins(5);
/// A written tag is seen after at most this long; until then an older one is no contradiction.
const TAG_LAG: SignedDuration = SignedDuration::from_mins(5);
/// Between two tries to write the tag.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

/// What is known of the tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IntentState {
    pub(crate) generation: u64,
    /// The tag says something else than we do and is to be written.
    dirty: bool,
    tried: Option<SignedDuration>,
    written: Option<SignedDuration>,
    /// Since when a running instance reads that it is paused.
    paused_since: Option<SignedDuration>,
    /// Since when the tag disagrees within one generation.
    tie_since: Option<SignedDuration>,
    /// An extension that waits for its tag.
    request: Option<Request>,
    /// What was last seen, for the status.
    pub(crate) seen: String,
}

/// An extension that counts once its tag is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    ticket: u64,
    generation: u64,
    /// What is left then, counted from `at`.
    left: SignedDuration,
    at: SignedDuration,
}

impl IntentState {
    pub(crate) fn forget_request(&mut self) {
        self.request = None;
    }

    pub(crate) fn new_boot(&mut self) {
        self.tried = None;
        self.written = None;
        self.paused_since = None;
        self.tie_since = None;
        self.request = None;
    }

    /// Whether the tag says what we mean, as far as we know, and nobody waits for it.
    pub(crate) fn is_settled(&self) -> bool {
        !self.dirty && self.request.is_none()
    }

    /// Our intent changed: a new generation, to be written.
    fn change(&mut self) {
        self.generation += 1;
        self.dirty = true;
        self.tried = None;
        self.paused_since = None;
        self.tie_since = None;
    }
}

impl State {
    /// Says again that the clock runs, with what is left now: after a start or a resume, after a stop
    /// that did not happen, and when the work is complete.
    pub(crate) fn say_running(&mut self) {
        self.intent.change();
    }

    /// Merges what the tag says. Without AWS's time an instant cannot be turned into time left, so it
    /// waits; nothing seen changes nothing.
    pub(crate) fn merge(&mut self, seen: &Known<Expiry>, clocks: &Clocks) {
        let expiry = match seen {
            Known::Is(expiry) => *expiry,
            Known::Absent => return self.intent.seen = "no tag; the last known intent holds".to_string(),
            Known::Unseen(why) => {
                return self.intent.seen = format!("not seen ({why}); the last known intent holds");
            }
        };
        if self.intent.request.is_some_and(|request| request.generation == expiry.generation) {
            return; // Our own tag, seen before we were told that it is written.
        }
        let theirs = match (expiry.intent, self.aws_time(clocks)) {
            (Intent::Paused(left), _) => left,
            (Intent::Running(until), Some(now)) => until.duration_since(now).max(SignedDuration::ZERO),
            (Intent::Running(_), None) => {
                return self.intent.seen = "seen, waiting for AWS's time to read it".to_string();
            }
        };
        let paused = matches!(expiry.intent, Intent::Paused(_));
        self.intent.seen = format!("generation {}", expiry.generation);
        if expiry.generation > self.intent.generation {
            self.adopt(expiry.generation, theirs, paused);
        } else if expiry.generation < self.intent.generation {
            let fresh = self.intent.written.is_some_and(|at| self.mono - at < TAG_LAG);
            self.intent.dirty |= !fresh;
        } else {
            self.settle_tie(theirs, paused);
        }
        self.end_failed_stop(paused && expiry.generation == self.intent.generation);
    }

    fn adopt(&mut self, generation: u64, left: SignedDuration, paused: bool) {
        // Without a memory of its own the daemon takes a pause for the one that this boot ended.
        let forgotten = paused && self.intent.generation == 0;
        self.set_left(if forgotten { left - self.mono } else { left });
        self.intent.generation = generation;
        self.intent.dirty = false;
        self.intent.request = None;
        self.intent.tie_since = None;
        self.intent.paused_since = paused.then_some(self.mono);
    }

    /// Of two intents of one generation the earlier end wins, once the disagreement has lasted.
    fn settle_tie(&mut self, theirs: SignedDuration, paused: bool) {
        let differs = !self.intent.dirty && (theirs - self.left.max(SignedDuration::ZERO)).abs() > SAME;
        if !differs || paused {
            self.intent.tie_since = None;
            return;
        }
        let since = *self.intent.tie_since.get_or_insert(self.mono);
        if self.mono - since >= SETTLED {
            if theirs < self.left {
                self.set_left(theirs);
            }
            self.intent.change();
        }
    }

    /// If the daemon runs, the clock runs: a pause that lasts is taken back.
    fn end_failed_stop(&mut self, paused: bool) {
        if !paused || self.ending.is_some() {
            self.intent.paused_since = None;
            return;
        }
        let since = *self.intent.paused_since.get_or_insert(self.mono);
        if self.mono - since >= FAILED_STOP {
            self.say_running();
        }
    }

    /// Begins an extension. Its tag is written first, so that whoever acts from outside knows it before
    /// anything relies on it; `local_only` does without.
    pub(crate) fn extend(
        &mut self,
        ticket: u64,
        by: SignedDuration,
        local_only: bool,
        clocks: &Clocks,
    ) -> Effect {
        let refuse = |text: String| Effect::Reply { ticket, answer: Err(text) };
        if by <= SignedDuration::ZERO {
            return refuse("an extension adds time; write a span such as 2h".to_string());
        }
        if self.intent.request.is_some() {
            return refuse("another extension is being written; try again in a few seconds".to_string());
        }
        if self.aws_time(clocks).is_none() && !local_only {
            let text = "AWS's clock was not heard since the start, and the tag needs it; try again in a minute, or \
                        with --local-only";
            return refuse(text.to_string());
        }
        let now = self.now(clocks);
        let room = self.cap.map_or(SignedDuration::MAX, |cap| cap.duration_since(now));
        let wanted = self.left.max(SignedDuration::ZERO) + by;
        let left = wanted.min(room);
        if left < wanted && left - self.left < SAME {
            let cap = self.cap.unwrap_or(Timestamp::MAX);
            return refuse(format!("the cap is {cap}, and only who launched the instance can move it"));
        }
        let request = Request { ticket, generation: self.intent.generation + 1, left, at: self.mono };
        if local_only {
            self.grant(request);
            self.intent.dirty = true;
            return self.granted(ticket, left, clocks);
        }
        self.intent.request = Some(request);
        let intent = Intent::Running(later(now, left));
        Effect::WriteTag(Expiry { intent, generation: request.generation })
    }

    fn grant(&mut self, request: Request) {
        self.set_left(request.left - (self.mono - request.at));
        self.intent.generation = request.generation;
        self.intent.dirty = false;
        self.intent.tie_since = None;
        self.intent.paused_since = None;
    }

    fn granted(&self, ticket: u64, left: SignedDuration, clocks: &Clocks) -> Effect {
        let until = later(self.now(clocks), left);
        let left = domain::format_span(left);
        Effect::Reply { ticket, answer: Ok(format!("extended: {left} left, until {until:.0}")) }
    }

    /// How the writing of a tag went: an extension that waited for it is granted or refused.
    pub(crate) fn tag_written(
        &mut self,
        generation: u64,
        outcome: &Result<(), Refusal>,
        clocks: &Clocks,
    ) -> Option<Effect> {
        if let Some(request) = self.intent.request.take_if(|request| request.generation == generation) {
            return Some(match outcome {
                Ok(()) => {
                    self.grant(request);
                    self.intent.written = Some(self.mono);
                    self.granted(request.ticket, request.left, clocks)
                }
                Err(why) => Effect::Reply {
                    ticket: request.ticket,
                    answer: Err(format!(
                        "not extended: the tag could not be written ({why}), so a reaper would act at the old \
                         time; with --local-only this machine alone extends"
                    )),
                },
            });
        }
        if outcome.is_ok() && generation == self.intent.generation {
            self.intent.dirty = false;
            self.intent.written = Some(self.mono);
        }
        None
    }

    /// The tag to write now, if it is to be written and it is time to try.
    pub(crate) fn tag_to_write(&mut self, clocks: &Clocks) -> Option<Expiry> {
        let waits = self.intent.tried.is_some_and(|at| self.mono - at < RETRY);
        let now = self.aws_time(clocks)?;
        if !self.intent.dirty || waits || self.intent.request.is_some() || self.ending.is_some() {
            return None;
        }
        self.intent.tried = Some(self.mono);
        let intent = Intent::Running(later(now, self.left.max(SignedDuration::ZERO)));
        Some(Expiry { intent, generation: self.intent.generation })
    }

    /// The tag that says that the clock stands, written just before a stop.
    pub(crate) fn paused_tag(&mut self) -> Expiry {
        self.intent.change();
        self.intent.dirty = false;
        let intent = Intent::Paused(self.left.max(SignedDuration::ZERO));
        Expiry { intent, generation: self.intent.generation }
    }
}
