//! The books: the invariants of a life, kept independently of the daemon's own state.

use super::{LifeWorld, PowerState, TICK, instant};
use domain::{Known, Timestamp};
use jiff::SignedDuration;
use lifecycle::tag::{BudgetIntent, ExpiryTag};

/// The two amounts between which the running time left must be. They drift apart only in documented
/// cases (an unsaved minute, a tag written from outside at a bad moment).
#[derive(Debug, Clone, Copy)]
pub(crate) struct BudgetBooks {
    pub(crate) least: i64,
    pub(crate) most: i64,
}

impl BudgetBooks {
    pub(super) fn either(&mut self, left: i64) {
        self.least = self.least.min(left);
        self.most = self.most.max(left);
    }
}

impl LifeWorld {
    /// Admits the value of a tag that is not the daemon's own. For a daemon that has lost its
    /// state, every tag is such a tag.
    pub(super) fn follow_tag(&mut self) {
        let Some(Ok(expiry)) = self.tag.as_deref().map(ExpiryTag::decode) else { return };
        let clocks = self.clocks();
        let known = self.daemon.as_ref().map_or(0, |state| state.status(&clocks).generation);
        if expiry.generation < known || (expiry.generation == known && !self.foreign) {
            return;
        }
        let over = |until: Timestamp| until < instant(self.pending);
        if known == 0 && matches!(expiry.intent, BudgetIntent::Running(until) if over(until)) {
            return; // Another instance's, or of a start that nothing recorded.
        }
        self.books.either(match expiry.intent {
            BudgetIntent::Running(until) => until.duration_since(instant(self.now)).as_secs(),
            BudgetIntent::Paused(left) if known == 0 => left.as_secs() - self.mono,
            BudgetIntent::Paused(left) => left.as_secs(),
        });
    }

    /// Checks that a granted extension never shortens the life, and updates the books.
    pub(super) fn granted(&mut self) {
        let state = self.daemon.as_ref().expect("a daemon that answers");
        let left = (state.dead_man_after() - self.terms.dead_man_slack()).as_secs();
        assert!(left >= self.books.least, "an extension shortened the life: {left}, {:?}", self.books);
        let most = self.books.most.max(0) + self.asked + TICK;
        assert!(left <= most, "extended twice? {left} {:?}", self.books);
        self.books = BudgetBooks { least: left, most: left };
        self.completed = false;
        // The new warning may have been given in the same step.
        self.warned_at = self.told_at.filter(|at| *at == self.mono);
    }

    /// Returns the reading of the cap's tag.
    pub(super) fn cap_tag(&self) -> Known<Timestamp> {
        match self.cap {
            _ if !self.imds => Known::Unseen("down".to_string()),
            Some(cap) => Known::Is(cap),
            None => Known::Absent,
        }
    }

    /// Admits an end by the cap, unless the cap is of another instance: over before this one was
    /// created.
    pub(super) fn cap_books(&mut self) {
        if let Some(cap) = self.cap.filter(|cap| *cap >= instant(self.created)) {
            let room = cap.duration_since(instant(self.now)).as_secs();
            self.books.least = self.books.least.min(room);
        }
    }

    /// Checks that the instance ends only after a warning that is at least as old as the grace
    /// period.
    pub(super) fn check_warned(&self) {
        let since = [self.warned_at, self.idle_warned_at].into_iter().flatten().min();
        let since = since.expect("ended without a warning");
        let grace = self.terms.grace.as_secs();
        assert!(self.mono - since >= grace - TICK, "warned only {} s ago", self.mono - since);
    }

    /// Checks that the time is over, or that the machine was seen to be idle for long enough.
    pub(super) fn check_cause(&self, fresh: bool) {
        if self.books.least <= TICK || self.completed {
            return;
        }
        let idle = self.terms.idle.as_ref().expect("ended early, and idleness ends nothing");
        let quiet = self.mono - self.quiet_since;
        let needed = (idle.timeout + idle.grace).as_secs();
        assert!(self.newest_quiet, "ended early, {:?}: {:?}", self.load, self.books);
        // A minute for the last reading, and one for the last save before a crash.
        assert!(quiet >= needed - 120 - TICK, "idle for {quiet} s only, fresh {fresh}, {:?}", self.books);
    }

    /// Checks that a running instance ends by its bound plus the documented slack.
    pub(super) fn check_bound(&self) {
        let slack = (self.terms.dead_man_slack() + SignedDuration::from_mins(3)).as_secs();
        if self.power == PowerState::Running {
            assert!(self.books.most >= -slack, "outlived its time: {:?} at {}", self.books, self.now);
            let armed = self.dead_man - self.mono;
            let latest = self.books.most + self.terms.dead_man_slack().as_secs() + 60 + TICK;
            assert!(armed <= latest.max(120), "the dead-man is set too late: {armed} s, {:?}", self.books);
        }
    }
}
