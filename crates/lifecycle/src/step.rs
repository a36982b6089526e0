//! One step of a life: state and inputs in, next state and effects out.

use crate::heartbeat_schedule::UtilizationSample;
use crate::idle::{LONGEST_LEASE, SignalReading};
use crate::notice::{self, EndCause, NoticeUrgency, UserNotice};
use crate::state::{BootIdentity, ClockReadings, DaemonState, TimePassage};
use crate::tag::{ExpiryTag, HeartbeatTag};
use crate::terms::EndAction;
use domain::format_span;
use domain::{Known, Timestamp};
use jiff::SignedDuration;

/// The inputs of one step, observed together.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInputs {
    /// The clocks, read together.
    pub clocks: ClockReadings,
    /// The current boot.
    pub boot: BootIdentity,
    /// AWS's time, from the `Date` header of a response received just now.
    pub date: Option<Timestamp>,
    /// The tags that bound the life.
    pub tags: LifeTags,
    /// The idle signals, about once a minute; none in the steps between.
    pub readings: Option<Vec<SignalReading>>,
    /// The figures measured since the last [`LifeEffect::Heartbeat`], or since measuring began. They
    /// come with the readings.
    pub measured: Option<UtilizationSample>,
    /// Events since the previous step, in order.
    pub events: Vec<LifeEvent>,
}

/// The two tags that bound a life. A malformed value is `Unseen`.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeTags {
    /// The value of [`crate::tag::EXPIRY`].
    pub expiry: Known<ExpiryTag>,
    /// The value of [`crate::tag::CAP`].
    pub cap: Known<Timestamp>,
}

/// An event between two steps.
#[derive(Debug, Clone, PartialEq)]
pub enum LifeEvent {
    /// A user on the machine sent a command. The answer is an [`LifeEffect::Reply`] with the same
    /// ticket.
    Asked {
        /// Identifies the command.
        ticket: u64,
        /// The command.
        command: Command,
    },
    /// The outcome of [`LifeEffect::WriteTag`] for this generation.
    TagWritten {
        /// The generation of the tag.
        generation: u64,
        /// Whether the write succeeded.
        outcome: Result<(), AwsCallError>,
    },
    /// The outcome of [`LifeEffect::Heartbeat`].
    HeartbeatWritten(Result<(), AwsCallError>),
    /// The outcome of [`LifeEffect::Call`].
    Called(Result<(), AwsCallError>),
    /// The pre-stop hook ended, or there is none.
    PreStopDone,
    /// The outcome of [`LifeEffect::ArmDeadMan`].
    DeadManArmed {
        /// The requested running time until the dead-man acts.
        after: SignedDuration,
        /// Whether it is armed.
        outcome: Result<(), String>,
    },
    /// AWS announced something. A repeated notice is ignored.
    Aws(AwsNotice),
    /// The machine is going down, for any reason. The time left is written to the tag.
    GoingDown,
}

/// A notice from AWS: a spot interruption, a rebalance recommendation, a scheduled event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsNotice {
    /// Identifies the notice; a repetition has the same id.
    pub id: String,
    /// The text.
    pub text: String,
    /// Set if AWS ends or stops the instance soon: the pre-stop hook runs at once, for at most this
    /// long.
    pub hook: Option<SignedDuration>,
}

/// A command from a user on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Adds running time.
    Extend {
        /// The time to add.
        by: SignedDuration,
        /// Extend at once, even if the tag cannot be written.
        local_only: bool,
    },
    /// Starts a lease: for a while the instance does not count as idle.
    KeepAlive {
        /// The name of the lease; a lease of the same name is replaced.
        name: String,
        /// The length of the lease.
        span: SignedDuration,
    },
    /// Ends a lease.
    Release {
        /// The lease's name.
        name: String,
    },
    /// Marks the work as complete: the instance ends, after a warning.
    Complete,
    /// Restarts the idle window, which cancels an end by idleness.
    Cancel,
}

/// Why a call to AWS failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsCallError {
    /// The instance's role lacks the permission; a retry is useless.
    #[error("denied: {0}")]
    Denied(String),
    /// The instance cannot hibernate.
    #[error("the instance cannot hibernate")]
    NoHibernation,
    /// Any other failure, from a missing route to a busy service; a retry may help.
    #[error("{0}")]
    Failed(String),
}

/// An action for the caller to perform, in the given order. Each takes at most a few seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum LifeEffect {
    /// Show a notice to users.
    Notify(UserNotice),
    /// Save the state, so that it survives a power cut.
    Save,
    /// Arm the dead-man to power the machine off after this much running time.
    ArmDeadMan {
        /// Running time from now.
        after: SignedDuration,
    },
    /// Write the expiry tag; answered by [`LifeEvent::TagWritten`].
    WriteTag(ExpiryTag),
    /// Start the pre-stop hook, and kill it after `limit`; answered by [`LifeEvent::PreStopDone`].
    PreStop {
        /// The time limit of the hook.
        limit: SignedDuration,
    },
    /// Call AWS to end the instance; answered by [`LifeEvent::Called`].
    Call(EndAction),
    /// Power the machine off from inside.
    PowerOff,
    /// Discard tokens and credentials from before a sleep.
    ForgetCredentials,
    /// Answer a command.
    Reply {
        /// The ticket of the command.
        ticket: u64,
        /// One line: the success, or the refusal.
        answer: Result<String, String>,
    },
    /// Write the heartbeat tag, and restart the measurements whether or not the write succeeds;
    /// answered by [`LifeEvent::HeartbeatWritten`].
    Heartbeat(HeartbeatTag),
}

impl LifeEffect {
    pub(crate) fn trouble(text: &str) -> LifeEffect {
        LifeEffect::Notify(UserNotice { urgency: NoticeUrgency::Trouble, text: text.to_string() })
    }
}

/// The state is saved at least this often.
const SAVE_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// The dead-man is armed again when it is off by more than this.
const DEAD_MAN_SLIP: SignedDuration = SignedDuration::from_secs(60);
/// A signal that cannot be read for this long is reported.
const UNSEEN_TOLD: SignedDuration = SignedDuration::from_hours(1);

/// Computes one step: the next state and the effects to perform. Every effect is bounded; its
/// outcome comes back as an event of a later step.
pub fn step(mut state: DaemonState, inputs: &StepInputs) -> (DaemonState, Vec<LifeEffect>) {
    let mut effects = Vec::new();
    let before = state.fingerprint();
    let passage = state.pass(&inputs.clocks, &inputs.boot, inputs.date);
    state.handle_passage(passage, &mut effects);
    if let Known::Is(cap) = inputs.tags.cap {
        state.cap = Some(cap);
    }
    state.merge(&inputs.tags.expiry, &inputs.clocks);
    for event in &inputs.events {
        state.take(event, &inputs.clocks, &mut effects);
    }
    state.apply_cap(&inputs.clocks);
    state.evaluate_idleness(inputs.readings.as_deref(), &mut effects);
    state.report_problems(&inputs.tags, &mut effects);
    state.warn(&mut effects);
    state.advance_end(inputs.readings.is_some(), &mut effects);
    effects.extend(state.tag_to_write(&inputs.clocks).map(LifeEffect::WriteTag));
    state.keep_dead_man(&mut effects);
    effects.extend(state.heartbeat(inputs, &effects).map(LifeEffect::Heartbeat));
    let late = state.saved.is_none_or(|at| state.mono - at >= SAVE_EVERY);
    if late || passage != TimePassage::Ran || state.fingerprint() != before {
        state.saved = Some(state.mono);
        effects.push(LifeEffect::Save);
    }
    effects.sort_by_key(rank);
    (state, effects)
}

/// Returns the position of an effect: notices, the saved state, actions, replies, then heartbeats.
fn rank(effect: &LifeEffect) -> u8 {
    match effect {
        LifeEffect::Notify(_) => 0,
        LifeEffect::Save => 1,
        LifeEffect::ForgetCredentials => 2,
        LifeEffect::ArmDeadMan { .. } => 3,
        LifeEffect::WriteTag(_) => 4,
        LifeEffect::PreStop { .. } => 5,
        LifeEffect::Call(_) => 6,
        LifeEffect::PowerOff => 7,
        LifeEffect::Reply { .. } => 8,
        LifeEffect::Heartbeat(_) => 9,
    }
}

fn unseen<T>(seen: &Known<T>) -> Option<&String> {
    match seen {
        Known::Unseen(why) => Some(why),
        Known::Is(_) | Known::Absent => None,
    }
}

impl DaemonState {
    /// Returns the parts of the state that must not be lost: a change in them is saved at once.
    fn fingerprint(&self) -> impl PartialEq + use<> {
        let notices = (self.warned, self.idle_warned, self.aws_notices.len(), self.trouble.len());
        (self.intent.generation, self.cap, self.completed, self.ending, notices, self.watch.leases().count())
    }

    fn handle_passage(&mut self, passage: TimePassage, effects: &mut Vec<LifeEffect>) {
        match passage {
            TimePassage::Ran | TimePassage::Booted => {}
            TimePassage::Started => self.announce_running(),
            TimePassage::Resumed => {
                self.announce_running();
                effects.push(LifeEffect::ForgetCredentials);
            }
        }
    }

    fn take(&mut self, event: &LifeEvent, clocks: &ClockReadings, effects: &mut Vec<LifeEffect>) {
        match event {
            LifeEvent::Asked { ticket, command } => effects.push(self.answer(*ticket, command, clocks)),
            LifeEvent::TagWritten { generation, outcome } => {
                effects.extend(self.tag_written(*generation, outcome, clocks));
                self.report_problem("the tag cannot be written", outcome.as_ref().err(), effects);
            }
            LifeEvent::HeartbeatWritten(outcome) => self.heartbeat_written(outcome),
            LifeEvent::Called(outcome) => {
                self.report_problem("AWS does not end the instance", outcome.as_ref().err(), effects);
                self.called(outcome, effects);
            }
            LifeEvent::PreStopDone => self.continue_after_hook(effects),
            LifeEvent::DeadManArmed { after, outcome } => {
                self.report_problem("the dead-man cannot be armed", outcome.as_ref().err(), effects);
                self.dead_man = outcome.is_ok().then(|| self.mono + *after);
            }
            LifeEvent::Aws(notice) => self.accept_aws_notice(notice, effects),
            LifeEvent::GoingDown => effects.push(LifeEffect::WriteTag(self.paused_tag())),
        }
    }

    fn answer(&mut self, ticket: u64, command: &Command, clocks: &ClockReadings) -> LifeEffect {
        let answer = match command {
            Command::Extend { by, local_only } => return self.extend(ticket, *by, *local_only, clocks),
            Command::KeepAlive { name, span } if *span > LONGEST_LEASE || *span <= SignedDuration::ZERO => {
                Err(format!("a lease is at most {}; {name} was not granted", format_span(LONGEST_LEASE)))
            }
            Command::KeepAlive { name, span } => {
                self.watch.lease(name, self.mono + *span);
                Ok(format!("not idle for {} ({name}); the time bound is unchanged", format_span(*span)))
            }
            Command::Release { name } if self.watch.release(name) => Ok(format!("released {name}")),
            Command::Release { name } => Err(format!("there is no lease named {name}")),
            Command::Complete if self.completed => Ok("it was complete already".to_string()),
            Command::Complete => {
                self.set_left(SignedDuration::ZERO);
                self.completed = true;
                self.announce_running();
                let (verb, grace) = (self.action(EndCause::Complete).verb(), format_span(self.terms.grace));
                Ok(format!("complete: the instance will {verb} in {grace}; spawnd extend 2h prevents it"))
            }
            Command::Cancel => {
                self.watch.touch(self.mono);
                Ok("the idle window starts anew; the time bound is unchanged".to_string())
            }
        };
        LifeEffect::Reply { ticket, answer }
    }

    /// Reports a problem when it begins, and again only after it was resolved.
    fn report_problem(
        &mut self,
        what: &str,
        why: Option<&impl std::fmt::Display>,
        effects: &mut Vec<LifeEffect>,
    ) {
        match why {
            Some(why) if self.trouble.insert(what.to_string()) => {
                effects.push(LifeEffect::trouble(&format!("{what}: {why}")));
            }
            Some(_) => {}
            None => {
                self.trouble.remove(what);
            }
        }
    }

    fn report_problems(&mut self, tags: &LifeTags, effects: &mut Vec<LifeEffect>) {
        self.report_problem("the expiry tag cannot be read", unseen(&tags.expiry), effects);
        self.report_problem("the cap tag cannot be read", unseen(&tags.cap), effects);
        let signals = self.watch.unseen_for(self.mono, UNSEEN_TOLD);
        let blind = (!signals.is_empty()).then(|| format!("{signals:?} unseen for an hour, counted as busy"));
        self.report_problem("idleness cannot be determined", blind.as_ref(), effects);
    }

    fn accept_aws_notice(&mut self, notice: &AwsNotice, effects: &mut Vec<LifeEffect>) {
        if !self.aws_notices.insert(notice.id.clone()) {
            return;
        }
        effects
            .push(LifeEffect::Notify(UserNotice { urgency: NoticeUrgency::Last, text: notice.text.clone() }));
        effects.extend(notice.hook.map(|limit| LifeEffect::PreStop { limit }));
    }

    fn evaluate_idleness(&mut self, readings: Option<&[SignalReading]>, effects: &mut Vec<LifeEffect>) {
        self.watch.advance(self.mono);
        if let Some(readings) = readings {
            self.watch.evaluate(self.terms.idle.as_ref(), readings, self.mono);
        }
        if self.time_to_idle_end().is_none() && self.idle_warned.take().is_some() {
            let text = "the instance is in use again; the idle action is cancelled".to_string();
            effects.push(LifeEffect::Notify(UserNotice { urgency: NoticeUrgency::Warning, text }));
        }
    }

    /// Returns the running time until the idle action, once the idle timeout is over.
    pub(crate) fn time_to_idle_end(&self) -> Option<SignedDuration> {
        let idle = self.terms.idle.as_ref()?;
        let idle_for = self.watch.idle_for(self.mono);
        let age = self.idle_warned.map_or(SignedDuration::ZERO, |warned| self.mono - warned.since);
        (idle_for >= idle.timeout).then(|| (idle.timeout + idle.grace - idle_for).max(idle.grace - age))
    }

    pub(crate) fn idle_due(&self) -> bool {
        self.idle_warned.is_some() && self.time_to_idle_end().is_some_and(|left| left <= SignedDuration::ZERO)
    }

    fn warn(&mut self, effects: &mut Vec<LifeEffect>) {
        if self.ending.is_some() {
            return;
        }
        let left = self.time_to_end();
        if let Some(urgency) = notice::take_due_warning(&mut self.warned, left, self.mono) {
            let cause = if self.completed { EndCause::Complete } else { EndCause::Expiry };
            let detail = format!("the budget agreed at launch was {}", format_span(self.terms.budget));
            let text = notice::warning(cause, self.action(cause), left, &detail);
            effects.push(LifeEffect::Notify(UserNotice { urgency, text }));
        }
        let Some(left) = self.time_to_idle_end() else { return };
        if let Some(urgency) = notice::take_due_warning(&mut self.idle_warned, left, self.mono) {
            let detail =
                format!("nothing counted as work for {}", format_span(self.watch.idle_for(self.mono)));
            let text = notice::warning(EndCause::Idle, self.action(EndCause::Idle), left, &detail);
            effects.push(LifeEffect::Notify(UserNotice { urgency, text }));
        }
    }

    /// Keeps the dead-man armed at the right instant. Past that instant there is nothing to arm;
    /// the machine powers off, but not before users had a warning and its grace period.
    fn keep_dead_man(&mut self, effects: &mut Vec<LifeEffect>) {
        let after = self.dead_man_after();
        if after <= SignedDuration::ZERO {
            if self.time_to_end() <= SignedDuration::ZERO {
                effects.push(LifeEffect::PowerOff);
            }
            return;
        }
        let wanted = self.mono + after;
        if self.dead_man.is_none_or(|armed| (armed - wanted).abs() > DEAD_MAN_SLIP) {
            effects.push(LifeEffect::ArmDeadMan { after });
        }
    }
}
