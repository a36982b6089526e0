//! What is remembered of a life, and how time passes in it.

use crate::beat::Beats;
use crate::ending::Ending;
use crate::idle::Watch;
use crate::intent::IntentState;
use crate::notice::Warned;
use crate::terms::Terms;
use domain::{Known, Timestamp, later};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The three clocks of a Linux machine, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// CLOCK_MONOTONIC: since boot, without the time spent hibernated.
    pub mono: SignedDuration,
    /// CLOCK_BOOTTIME: since boot, with the time spent hibernated.
    pub boot: SignedDuration,
    /// CLOCK_REALTIME: may be stepped at any moment, and decides nothing.
    pub wall: Timestamp,
}

/// Which boot this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's `boot_id`: new after every boot, the same after a resume.
    pub id: String,
    /// `pendingTime` of the identity document: new after stop and start, the same after a reboot.
    pub pending: Known<Timestamp>,
}

/// A reading of AWS's clock, and the boot-time clock at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Anchor {
    date: Timestamp,
    boot: SignedDuration,
}

/// A jump of (boot − mono) by more than this is a resume.
const RESUME_JUMP: SignedDuration = SignedDuration::from_secs(10);

/// Steps further apart than this have left something unseen.
const LONGEST_GAP: SignedDuration = SignedDuration::from_mins(2);

/// The life of one instance so far. Saved as it is; instants are readings of the monotonic clock of
/// the boot named in it. Only [`crate::step`] changes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(crate) terms: Terms,
    boot_id: String,
    pending: Option<Timestamp>,
    pub(crate) mono: SignedDuration,
    /// boot − mono.
    asleep: SignedDuration,
    /// Running time left; negative once it is spent.
    pub(crate) left: SignedDuration,
    pub(crate) cap: Option<Timestamp>,
    anchor: Option<Anchor>,
    /// The end as known before a boot that may have been a reboot, until that is settled.
    reboot: Option<Rebooted>,
    pub(crate) completed: bool,
    pub(crate) warned: Option<Warned>,
    pub(crate) idle_warned: Option<Warned>,
    pub(crate) watch: Watch,
    pub(crate) intent: IntentState,
    /// When the dead-man acts, as far as it confirmed.
    pub(crate) dead_man: Option<SignedDuration>,
    pub(crate) saved: Option<SignedDuration>,
    pub(crate) ending: Option<Ending>,
    pub(crate) aws_notices: BTreeSet<String>,
    pub(crate) trouble: BTreeSet<String>,
    /// Not worth saving: whoever starts anew begins anew to measure.
    #[serde(skip)]
    pub(crate) beats: Beats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Rebooted {
    until: Option<Timestamp>,
    /// The warnings of before, on the clock of this boot.
    warned: Option<Warned>,
}

/// What the clocks tell about the time since the step before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The machine ran on.
    Ran,
    /// It booted; whether it was stopped before is not known yet.
    Booted,
    /// It was stopped and started.
    Started,
    /// It was hibernated and resumed.
    Resumed,
}

impl State {
    /// A life that begins with this boot, under these terms: the time since boot is spent already.
    pub fn begin(terms: Terms, clocks: &Clocks, boot: &Boot) -> State {
        State {
            boot_id: boot.id.clone(),
            pending: boot.pending.value().copied(),
            mono: clocks.mono,
            asleep: clocks.boot - clocks.mono,
            left: (terms.budget - clocks.mono).max(SignedDuration::ZERO),
            cap: terms.cap,
            anchor: None,
            reboot: None,
            completed: false,
            warned: None,
            idle_warned: None,
            watch: Watch::after_boot(clocks.mono),
            intent: IntentState::default(),
            dead_man: None,
            saved: None,
            ending: None,
            aws_notices: BTreeSet::new(),
            trouble: BTreeSet::new(),
            beats: Beats::default(),
            terms,
        }
    }

    /// The terms of this life.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Forgets what only the process that saved this state was waiting for. Call it after loading.
    pub fn reloaded(mut self) -> State {
        self.intent.forget_request();
        self.beats = Beats::default();
        self
    }

    /// Running time until the end: what is left of the budget, and never less than what is missing of
    /// the grace since the first warning.
    pub fn time_to_end(&self) -> SignedDuration {
        self.left.max(self.terms.grace - self.warned_for())
    }

    /// Running time until the dead-man is to act: after everything else has failed. As long as a boot
    /// may have been a start, whoever started the instance gets the warning first.
    pub fn dead_man_after(&self) -> SignedDuration {
        let spent = if self.reboot.is_some() { self.left.max(-self.warned_for()) } else { self.left };
        spent + self.terms.dead_man_slack()
    }

    fn warned_for(&self) -> SignedDuration {
        self.warned.map_or(SignedDuration::ZERO, |warned| self.mono - warned.since)
    }

    /// AWS's time, when it was heard since the last boot or resume.
    pub(crate) fn aws_time(&self, clocks: &Clocks) -> Option<Timestamp> {
        self.anchor.map(|anchor| later(anchor.date, clocks.boot - anchor.boot))
    }

    /// AWS's time, or the machine's own where there is none: good enough to show, never to decide.
    pub fn now(&self, clocks: &Clocks) -> Timestamp {
        self.aws_time(clocks).unwrap_or(clocks.wall)
    }

    /// Lets time pass: the budget runs down by what the monotonic clock says.
    pub(crate) fn pass(&mut self, clocks: &Clocks, boot: &Boot, date: Option<Timestamp>) -> Passage {
        let asleep = clocks.boot - clocks.mono;
        let passage = if boot.id != self.boot_id {
            let unsettled = self.reboot.and_then(|reboot| reboot.until);
            let warned = self.warned.map(|warned| Warned { since: warned.since - self.mono, ..warned });
            self.reboot = Some(Rebooted { until: self.until().or(unsettled), warned });
            self.boot_id.clone_from(&boot.id);
            self.left -= clocks.mono;
            self.new_boot(clocks.mono);
            if asleep > RESUME_JUMP { Passage::Resumed } else { Passage::Booted }
        } else {
            let passed = (clocks.mono - self.mono).max(SignedDuration::ZERO);
            self.left -= passed;
            if passed > LONGEST_GAP {
                self.watch.unwatched(passed);
            }
            if asleep - self.asleep > RESUME_JUMP { Passage::Resumed } else { Passage::Ran }
        };
        self.mono = clocks.mono;
        self.asleep = asleep;
        if passage == Passage::Resumed {
            self.anchor = None;
            self.resumed();
        }
        if let Some(date) = date {
            self.anchor = Some(Anchor { date, boot: clocks.boot });
        }
        if self.settle_boot(clocks, &boot.pending) { Passage::Started } else { passage }
    }

    /// The end on AWS's clock as of the step before.
    fn until(&self) -> Option<Timestamp> {
        let anchor = self.anchor?;
        Some(later(anchor.date, self.mono + self.asleep - anchor.boot + self.left))
    }

    /// Monotonic instants of another boot mean nothing.
    fn new_boot(&mut self, mono: SignedDuration) {
        self.anchor = None;
        self.warned = None;
        self.idle_warned = None;
        self.watch = Watch::after_boot(mono);
        self.dead_man = None;
        self.saved = None;
        self.ending = None;
        self.intent.new_boot();
        self.beats = Beats::default();
    }

    fn resumed(&mut self) {
        self.wake();
        self.watch.after_resume(self.mono);
        self.idle_warned = None;
        self.dead_man = None;
        self.ending = None;
    }

    /// Somebody woke the instance: what is overdue is due now, after a warning and its grace.
    fn wake(&mut self) {
        self.left = self.left.max(SignedDuration::ZERO);
        self.warned = None;
        if let Some(reboot) = &mut self.reboot {
            reboot.warned = None;
        }
    }

    /// Once `pendingTime` is known: a new one means that the machine was stopped, and nothing was
    /// used meanwhile; the same one means a reboot, and the time of the reboot is charged as soon as
    /// AWS's clock is heard. True when it was stopped and started.
    fn settle_boot(&mut self, clocks: &Clocks, pending: &Known<Timestamp>) -> bool {
        let Known::Is(pending) = pending else { return false };
        let Some(reboot) = self.reboot else {
            self.pending = Some(*pending);
            return false;
        };
        if self.pending.is_none_or(|before| before != *pending) {
            let started = self.pending.is_some();
            self.pending = Some(*pending);
            self.reboot = None;
            if started {
                self.wake();
            }
            return started;
        }
        if self.warned.is_none() {
            self.warned = reboot.warned;
        }
        if let Some(now) = self.aws_time(clocks) {
            if let Some(until) = reboot.until {
                self.shorten(until.duration_since(now) + self.asleep);
            }
            self.reboot = None;
        }
        false
    }

    /// Changes what is left of the budget, whichever way; a new approach to the end begins. What was
    /// overdue and still is stays as it was: nothing is refilled, nobody is warned anew.
    pub(crate) fn set_left(&mut self, left: SignedDuration) {
        if left.max(self.left) <= SignedDuration::ZERO {
            return;
        }
        if left > self.left {
            self.completed = false;
        }
        self.left = left.max(SignedDuration::ZERO);
        self.warned = None;
        if let Some(reboot) = &mut self.reboot {
            *reboot = Rebooted { until: None, warned: None };
        }
    }

    /// Leaves at most this much, and never less than nothing: what is overdue at once is still warned
    /// of, and the dead-man is never set into the past.
    fn shorten(&mut self, left: SignedDuration) {
        self.left = self.left.min(left.max(SignedDuration::ZERO));
    }

    /// The cap bounds what is left, as soon as AWS's time is known.
    pub(crate) fn apply_cap(&mut self, clocks: &Clocks) {
        if let (Some(cap), Some(now)) = (self.cap, self.aws_time(clocks)) {
            self.shorten(cap.duration_since(now));
        }
    }
}
