//! The state of an instance's life, and the passage of time in it.

use crate::clocks::{BootIdentity, ClockReadings};
use crate::end_progress::EndProgress;
use crate::heartbeat_history::HeartbeatHistory;
use crate::idle::IdleWatch;
use crate::intent_state::{IntentState, SAME};
use crate::notice::WarningProgress;
use crate::terms::Terms;
use domain::{Known, Timestamp, later};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A reading of AWS's clock, with the boot-time clock at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct ClockAnchor {
    date: Timestamp,
    boot: SignedDuration,
}

/// A growth of boot − mono by more than this is a resume.
const RESUME_JUMP: SignedDuration = SignedDuration::from_secs(10);

/// After a gap of more than this between two steps, the time in between does not count as idle.
const LONGEST_GAP: SignedDuration = SignedDuration::from_mins(2);

/// The life of one instance so far. It is saved as it is. Instants are readings of the monotonic
/// clock of the boot `boot_id`. Only [`crate::step`] changes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonState {
    pub(crate) terms: Terms,
    /// The instance of this life, once it is known.
    #[serde(default)]
    instance: Option<String>,
    boot_id: String,
    pending: Option<Timestamp>,
    /// The first `pendingTime` that this life has seen.
    #[serde(default)]
    begun: Option<Timestamp>,
    pub(crate) mono: SignedDuration,
    /// boot − mono at the latest step.
    asleep: SignedDuration,
    /// Running time left; negative once it is spent.
    pub(crate) left: SignedDuration,
    pub(crate) cap: Option<Timestamp>,
    anchor: Option<ClockAnchor>,
    /// Set after a boot, until it is settled whether that boot was a reboot or a start.
    reboot: Option<UnsettledBoot>,
    pub(crate) completed: bool,
    pub(crate) warned: Option<WarningProgress>,
    pub(crate) idle_warned: Option<WarningProgress>,
    pub(crate) watch: IdleWatch,
    pub(crate) intent: IntentState,
    /// When the dead-man acts, as last confirmed; none while it is not armed.
    pub(crate) dead_man: Option<SignedDuration>,
    pub(crate) saved: Option<SignedDuration>,
    pub(crate) ending: Option<EndProgress>,
    pub(crate) aws_notices: BTreeSet<String>,
    pub(crate) trouble: BTreeSet<String>,
    /// Not saved: a new process starts its own measurements.
    #[serde(skip)]
    pub(crate) beats: HeartbeatHistory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct UnsettledBoot {
    /// The end of the budget as known before the boot, on AWS's clock.
    until: Option<Timestamp>,
    /// The warnings given before the boot, on the clock of the new boot.
    warned: Option<WarningProgress>,
}

/// How the machine spent the time since the previous step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimePassage {
    /// It ran.
    Ran,
    /// It booted; whether it was stopped before that is not known yet.
    Booted,
    /// It was stopped and started.
    Started,
    /// It was hibernated and resumed.
    Resumed,
}

impl DaemonState {
    /// Starts a life with the current boot under these terms. The time since the boot counts as
    /// spent.
    pub fn begin(terms: Terms, clocks: &ClockReadings, boot: &BootIdentity) -> DaemonState {
        DaemonState {
            instance: boot.instance.value().cloned(),
            boot_id: boot.id.clone(),
            pending: boot.pending.value().copied(),
            begun: boot.pending.value().copied(),
            mono: clocks.mono,
            asleep: clocks.boot - clocks.mono,
            left: (terms.budget - clocks.mono).max(SignedDuration::ZERO),
            cap: terms.cap,
            anchor: None,
            reboot: None,
            completed: false,
            warned: None,
            idle_warned: None,
            watch: IdleWatch::after_boot(clocks.mono),
            intent: IntentState::default(),
            dead_man: None,
            saved: None,
            ending: None,
            aws_notices: BTreeSet::new(),
            trouble: BTreeSet::new(),
            beats: HeartbeatHistory::default(),
            terms,
        }
    }

    /// Takes over the running time left that a dead-man without spawnd counted over several boots.
    /// It refills nothing. The tag of the launch does not know of the stops in between, so the
    /// count wins against it.
    pub fn take_over(mut self, counted: SignedDuration) -> DaemonState {
        if counted < self.left - SAME {
            self.left = counted.max(SignedDuration::ZERO);
            self.intent.take_count();
        }
        self
    }

    /// Whether this life can be that of the instance with this id. An unknown id contradicts
    /// nothing.
    pub fn is_of(&self, instance: Option<&str>) -> bool {
        self.instance.as_deref().zip(instance).is_none_or(|(own, other)| own == other)
    }

    /// Returns the generation of the intent that the daemon follows; none while a change of its own
    /// waits to be written, and while the instance ends.
    pub fn settled_generation(&self) -> Option<u64> {
        (self.intent.is_settled() && self.ending.is_none()).then_some(self.intent.generation)
    }

    /// Returns the terms of this life.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Drops the pending request and the measurements of the process that saved this state. Call it
    /// after loading.
    pub fn reloaded(mut self) -> DaemonState {
        self.intent.begin_process();
        self.beats = HeartbeatHistory::default();
        self
    }

    /// Returns the running time until the end: the rest of the budget, but never less than the rest
    /// of the grace period since the first warning.
    pub fn time_to_end(&self) -> SignedDuration {
        self.left.max(self.terms.grace - self.warned_for())
    }

    /// Returns the running time until the idle action, once the idle timeout is over.
    pub(crate) fn time_to_idle_end(&self) -> Option<SignedDuration> {
        let idle = self.terms.idle.as_ref()?;
        let idle_for = self.watch.idle_for(self.mono);
        let age = self.idle_warned.map_or(SignedDuration::ZERO, |warned| self.mono - warned.since);
        (idle_for >= idle.timeout).then(|| (idle.timeout + idle.grace - idle_for).max(idle.grace - age))
    }

    pub(crate) fn idle_due(&self) -> bool {
        self.idle_warned.is_some()
            && !self.watch.newest_is_busy()
            && self.time_to_idle_end().is_some_and(|left| left <= SignedDuration::ZERO)
    }

    /// Returns the running time until the dead-man acts, which is after all other attempts have
    /// failed. While the last boot may have been a start, the warning comes first.
    pub fn dead_man_after(&self) -> SignedDuration {
        let spent = if self.reboot.is_some() { self.left.max(-self.warned_for()) } else { self.left };
        spent + self.terms.dead_man_slack()
    }

    fn warned_for(&self) -> SignedDuration {
        self.warned.map_or(SignedDuration::ZERO, |warned| self.mono - warned.since)
    }

    /// Returns AWS's time, if it was received since the last boot or resume.
    pub(crate) fn aws_time(&self, clocks: &ClockReadings) -> Option<Timestamp> {
        self.anchor.map(|anchor| later(anchor.date, clocks.boot - anchor.boot))
    }

    /// Returns AWS's time, or the machine's own time while AWS's is unknown. It serves display and
    /// request signatures. A local extension uses it too; the cap corrects such an extension once
    /// AWS's time is known.
    pub fn now(&self, clocks: &ClockReadings) -> Timestamp {
        self.aws_time(clocks).unwrap_or(clocks.wall)
    }

    /// Advances the clocks. The budget shrinks by the monotonic time that passed.
    pub(crate) fn pass(
        &mut self,
        clocks: &ClockReadings,
        boot: &BootIdentity,
        date: Option<Timestamp>,
    ) -> TimePassage {
        if self.instance.is_none() {
            self.instance = boot.instance.value().cloned();
        }
        let asleep = clocks.boot - clocks.mono;
        let passage = if boot.id != self.boot_id {
            let unsettled = self.reboot.and_then(|reboot| reboot.until);
            let warned =
                self.warned.map(|warned| WarningProgress { since: warned.since - self.mono, ..warned });
            self.reboot = Some(UnsettledBoot { until: self.until().or(unsettled), warned });
            self.boot_id.clone_from(&boot.id);
            self.left -= clocks.mono;
            self.new_boot(clocks.mono);
            if asleep > RESUME_JUMP { TimePassage::Resumed } else { TimePassage::Booted }
        } else {
            let passed = (clocks.mono - self.mono).max(SignedDuration::ZERO);
            self.left -= passed;
            if passed > LONGEST_GAP {
                self.watch.exclude_unobserved(passed);
            }
            if asleep - self.asleep > RESUME_JUMP { TimePassage::Resumed } else { TimePassage::Ran }
        };
        self.mono = clocks.mono;
        self.asleep = asleep;
        if passage == TimePassage::Resumed {
            self.anchor = None;
            self.resumed();
        }
        if let Some(date) = date {
            self.anchor = Some(ClockAnchor { date, boot: clocks.boot });
        }
        if self.settle_boot(clocks, &boot.pending) { TimePassage::Started } else { passage }
    }

    /// Whether an instant lies before the last start of this instance.
    pub(crate) fn was_before_start(&self, at: Timestamp) -> bool {
        self.pending.is_some_and(|pending| at < pending)
    }

    /// Returns the end of the budget on AWS's clock, as of the previous step.
    fn until(&self) -> Option<Timestamp> {
        let anchor = self.anchor?;
        Some(later(anchor.date, self.mono + self.asleep - anchor.boot + self.left))
    }

    /// Drops everything measured on the monotonic clock of the previous boot.
    fn new_boot(&mut self, mono: SignedDuration) {
        self.anchor = None;
        self.warned = None;
        self.idle_warned = None;
        self.watch = IdleWatch::after_boot(mono);
        self.dead_man = None;
        self.saved = None;
        self.ending = None;
        self.intent.reset_for_boot();
        self.beats = HeartbeatHistory::default();
    }

    fn resumed(&mut self) {
        self.wake();
        self.watch.after_resume(self.mono);
        self.idle_warned = None;
        self.dead_man = None;
        self.ending = None;
    }

    /// Handles a start or resume by a user: an overdue end is due now, after a warning and its
    /// grace period.
    fn wake(&mut self) {
        self.left = self.left.max(SignedDuration::ZERO);
        self.warned = None;
        if let Some(reboot) = &mut self.reboot {
            reboot.warned = None;
        }
    }

    /// Settles whether the last boot was a start or a reboot, once `pendingTime` is known. Returns
    /// true for a start.
    ///
    /// A new `pendingTime` means that the machine was stopped; the time in between is not charged.
    /// The same `pendingTime` means a reboot, and its duration is charged as soon as AWS's time is
    /// known. If the earlier `pendingTime` was never read, nothing is charged.
    fn settle_boot(&mut self, clocks: &ClockReadings, pending: &Known<Timestamp>) -> bool {
        let Known::Is(pending) = pending else { return false };
        if self.pending.is_none() {
            self.begun = Some(*pending);
        }
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

    /// Sets the rest of the budget, longer or shorter, and starts a new series of warnings. An end
    /// that was overdue and stays overdue is left as it is: it gets no more time and no new
    /// warning.
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
            *reboot = UnsettledBoot { until: None, warned: None };
        }
    }

    /// Reduces the rest of the budget to at most `left`, but not below zero. An end that becomes
    /// overdue this way still gets its warning, and the dead-man is never set to a past instant.
    fn shorten(&mut self, left: SignedDuration) {
        self.left = self.left.min(left.max(SignedDuration::ZERO));
    }

    /// Takes the cap of the tag, if it can be read. A cap that was over before this life began is
    /// of another instance, of which the tags or the terms were copied.
    pub(crate) fn take_cap(&mut self, tag: &Known<Timestamp>) {
        let begun = self.begun;
        let own = |cap: &Timestamp| begun.is_none_or(|begun| *cap >= begun);
        self.cap = tag.value().copied().filter(own).or(self.cap.filter(own));
    }

    /// Applies the cap to the rest of the budget, if AWS's time is known.
    pub(crate) fn apply_cap(&mut self, clocks: &ClockReadings) {
        if let (Some(cap), Some(now)) = (self.cap, self.aws_time(clocks)) {
            self.shorten(cap.duration_since(now));
        }
    }
}
