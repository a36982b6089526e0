//! Merges the expiry tag and the daemon's own state into one intent.

use crate::clocks::ClockReadings;
use crate::effect::LifeEffect;
use crate::inputs::AwsCallError;
use crate::intent_state::{ExitPause, ExtensionRequest, SAME};
use crate::state::DaemonState;
use crate::tag::{BudgetIntent, ExpiryTag};
use domain::later;
use domain::{Known, Timestamp};
use jiff::SignedDuration;

/// A disagreement within one generation is settled after it has persisted for this long.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);
/// A pause in the tag of a running instance is a failed stop after it has persisted for this long.
const FAILED_STOP: SignedDuration = SignedDuration::from_mins(5);
/// A written tag is visible after at most this time; until then an older tag is no contradiction.
const TAG_LAG: SignedDuration = SignedDuration::from_mins(5);
/// The time between two attempts to write the tag.
const RETRY: SignedDuration = SignedDuration::from_secs(60);

impl DaemonState {
    /// Announces again that the clock runs, with the time left now: after a start or a resume,
    /// after a failed stop, and when the work is complete.
    pub(crate) fn announce_running(&mut self) {
        self.intent.change();
    }

    /// Merges the tag into the state. Without AWS's time, an instant cannot be converted to running
    /// time, so the tag waits. A missing or unreadable tag changes nothing.
    pub(crate) fn merge(&mut self, seen: &Known<ExpiryTag>, clocks: &ClockReadings) {
        let expiry = match seen {
            Known::Is(expiry) => *expiry,
            Known::Absent => return self.intent.seen = "no tag; the last known intent holds".to_string(),
            Known::Unseen(why) => {
                return self.intent.seen = format!("not readable ({why}); the last known intent holds");
            }
        };
        if self.intent.request.is_some_and(|request| request.generation == expiry.generation) {
            return; // The daemon's own tag, read before its write was confirmed.
        }
        let theirs = match (expiry.intent, self.aws_time(clocks)) {
            (BudgetIntent::Paused(left), _) => left,
            (BudgetIntent::Running(until), Some(now)) => until.duration_since(now).max(SignedDuration::ZERO),
            (BudgetIntent::Running(_), None) => {
                return self.intent.seen = "present, waiting for AWS's time to interpret it".to_string();
            }
        };
        let paused = matches!(expiry.intent, BudgetIntent::Paused(_));
        if self.is_foreign(&expiry) {
            self.intent.generation = expiry.generation;
            self.announce_running();
            self.intent.seen = "it ended before this start; this instance has its own terms".to_string();
            return;
        }
        self.intent.seen = format!("generation {}", expiry.generation);
        if expiry.generation > self.intent.generation {
            self.adopt(expiry.generation, theirs, paused);
        } else if expiry.generation < self.intent.generation {
            let fresh = self.intent.written.is_some_and(|at| self.mono - at < TAG_LAG);
            self.intent.dirty |= !fresh;
        } else {
            self.settle_tie(theirs, paused);
        }
        self.withdraw_failed_stop(paused && expiry.generation == self.intent.generation);
    }

    /// Whether the tag is of another instance, or of a start that nothing recorded: this life has
    /// no intent yet, and the tag's end was over before it began.
    fn is_foreign(&self, expiry: &ExpiryTag) -> bool {
        match expiry.intent {
            BudgetIntent::Running(until) => self.intent.generation == 0 && self.was_before_start(until),
            BudgetIntent::Paused(_) => false,
        }
    }

    fn adopt(&mut self, generation: u64, left: SignedDuration, paused: bool) {
        // A daemon without saved state takes a pause for the one that this boot ended.
        let forgotten = paused && self.intent.generation == 0;
        self.set_left(if forgotten { left - self.mono } else { left });
        self.intent.generation = generation;
        self.intent.exit_pause = ExitPause::Absent;
        self.intent.dirty = false;
        self.intent.request = None;
        self.intent.tie_since = None;
        self.intent.paused_since = paused.then_some(self.mono);
    }

    /// Settles two ends of one generation: the earlier one wins, once the disagreement has
    /// persisted. Time that was counted before the daemon was installed wins at once.
    fn settle_tie(&mut self, theirs: SignedDuration, paused: bool) {
        let differs = !self.intent.dirty && (theirs - self.left.max(SignedDuration::ZERO)).abs() > SAME;
        if !differs || paused {
            self.intent.tie_since = None;
            return;
        }
        if self.intent.counted {
            return self.intent.change();
        }
        let since = *self.intent.tie_since.get_or_insert(self.mono);
        if self.mono - since >= SETTLED {
            if theirs < self.left {
                self.set_left(theirs);
            }
            self.intent.change();
        }
    }

    /// Withdraws a pause that persists: while the daemon runs, the clock runs. The pause of a
    /// daemon that was replaced is withdrawn at once.
    fn withdraw_failed_stop(&mut self, paused: bool) {
        if !paused || self.ending.is_some() {
            self.intent.paused_since = None;
            return;
        }
        let since = *self.intent.paused_since.get_or_insert(self.mono);
        if self.mono - since >= FAILED_STOP || self.intent.exit_pause == ExitPause::Inherited {
            self.announce_running();
        }
    }

    /// Starts an extension. Its tag is written first, so that a reaper sees the new end before
    /// anything relies on it. With `local_only` the extension takes effect at once, and its tag
    /// follows.
    pub(crate) fn extend(
        &mut self,
        ticket: u64,
        by: SignedDuration,
        local_only: bool,
        clocks: &ClockReadings,
    ) -> LifeEffect {
        let refuse = |text: String| LifeEffect::Reply { ticket, answer: Err(text) };
        if by <= SignedDuration::ZERO {
            return refuse("an extension adds time; write a span such as 2h".to_string());
        }
        if self.intent.request.is_some() {
            return refuse("another extension is being written; try again in a few seconds".to_string());
        }
        if self.aws_time(clocks).is_none() && !local_only {
            let text = "AWS's time was not received since the last boot, and the tag needs it; try again in \
                        a minute, or use --local-only";
            return refuse(text.to_string());
        }
        let now = self.now(clocks);
        let room = self.cap.map_or(SignedDuration::MAX, |cap| cap.duration_since(now));
        let wanted = self.left.max(SignedDuration::ZERO) + by;
        let left = wanted.min(room);
        if left < wanted && left - self.left < SAME {
            let cap = self.cap.unwrap_or(Timestamp::MAX);
            return refuse(format!("the cap is {cap}, and only the launching principal can move it"));
        }
        let request =
            ExtensionRequest { ticket, generation: self.intent.generation + 1, left, at: self.mono };
        if local_only {
            self.grant(request);
            self.intent.dirty = true;
            return self.granted(ticket, left, clocks);
        }
        self.intent.request = Some(request);
        let intent = BudgetIntent::Running(later(now, left));
        LifeEffect::WriteTag(ExpiryTag { intent, generation: request.generation })
    }

    fn grant(&mut self, request: ExtensionRequest) {
        self.set_left(request.left - (self.mono - request.at));
        self.intent.generation = request.generation;
        self.intent.dirty = false;
        self.intent.tie_since = None;
        self.intent.paused_since = None;
    }

    fn granted(&self, ticket: u64, left: SignedDuration, clocks: &ClockReadings) -> LifeEffect {
        let until = later(self.now(clocks), left);
        let left = domain::format_span(left);
        LifeEffect::Reply { ticket, answer: Ok(format!("extended: {left} left, until {until:.0}")) }
    }

    /// Handles the outcome of a tag write; an extension that waited for it is granted or refused.
    pub(crate) fn tag_written(
        &mut self,
        generation: u64,
        outcome: &Result<(), AwsCallError>,
        clocks: &ClockReadings,
    ) -> Option<LifeEffect> {
        if let Some(request) = self.intent.request.take_if(|request| request.generation == generation) {
            return Some(match outcome {
                Ok(()) => {
                    self.grant(request);
                    self.intent.written = Some(self.mono);
                    self.granted(request.ticket, request.left, clocks)
                }
                Err(why) => LifeEffect::Reply {
                    ticket: request.ticket,
                    answer: Err(format!(
                        "not extended: the tag could not be written ({why}), so a reaper would act at the old \
                         time; --local-only extends on this machine alone"
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

    /// Returns the tag to write now, if a write is due.
    pub(crate) fn tag_to_write(&mut self, clocks: &ClockReadings) -> Option<ExpiryTag> {
        let waits = self.intent.tried.is_some_and(|at| self.mono - at < RETRY);
        let now = self.aws_time(clocks)?;
        if !self.intent.dirty || waits || self.intent.request.is_some() || self.ending.is_some() {
            return None;
        }
        self.intent.tried = Some(self.mono);
        let intent = BudgetIntent::Running(later(now, self.left.max(SignedDuration::ZERO)));
        Some(ExpiryTag { intent, generation: self.intent.generation })
    }

    /// Returns the tag that marks the budget as paused, written just before a stop.
    pub(crate) fn paused_tag(&mut self) -> ExpiryTag {
        self.intent.change();
        self.intent.dirty = false;
        self.intent.exit_pause = ExitPause::Written;
        let intent = BudgetIntent::Paused(self.left.max(SignedDuration::ZERO));
        ExpiryTag { intent, generation: self.intent.generation }
    }
}
