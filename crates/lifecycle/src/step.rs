//! One step of a life: state and inputs in, next state and effects out.

use crate::clocks::ClockReadings;
use crate::effect::LifeEffect;
use crate::idle::{LONGEST_LEASE, SignalReading};
use crate::inputs::{AwsNotice, Command, HookTrigger, LifeEvent, LifeTags, StepInputs};
use crate::notice::{self, EndAnnouncement, EndCause, NoticeUrgency, UserNotice};
use crate::state::{DaemonState, TimePassage};
use domain::{Known, format_span};
use jiff::SignedDuration;

/// The state is saved at least this often.
const SAVE_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// The dead-man is armed again when it is off by more than this.
const DEAD_MAN_SLIP: SignedDuration = SignedDuration::from_secs(60);
const STUCK_GPU: &str = "it has shown 100 % for 2 hours, which counts as work, but no process uses a GPU; \
     reload its driver, or ignore the signal gpu";

/// Computes one step: the next state and the effects to perform. Every effect is bounded; its
/// outcome comes back as an event of a later step.
pub fn step(mut state: DaemonState, inputs: &StepInputs) -> (DaemonState, Vec<LifeEffect>) {
    let mut effects = Vec::new();
    let before = state.fingerprint();
    let passage = state.pass(&inputs.clocks, &inputs.boot, inputs.date);
    state.handle_passage(passage, &mut effects);
    state.take_cap(&inputs.tags.cap);
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
    effects.sort_by_key(LifeEffect::rank);
    (state, effects)
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
            LifeEvent::PreStopDone(trigger) => self.continue_after_hook(trigger, effects),
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
        let unreliable = self.watch.unreliable(self.terms.idle.as_ref(), self.mono);
        self.report_problem("idleness cannot be determined", unreliable.as_ref(), effects);
        let stuck = self.watch.has_stuck_gpu(self.mono).then_some(STUCK_GPU);
        self.report_problem("a GPU may be stuck", stuck.as_ref(), effects);
    }

    fn accept_aws_notice(&mut self, notice: &AwsNotice, effects: &mut Vec<LifeEffect>) {
        if !self.aws_notices.insert(notice.id.clone()) {
            return;
        }
        effects.push(LifeEffect::Notify(UserNotice::new(NoticeUrgency::Last, notice.text.as_str())));
        let trigger = HookTrigger::Notice(notice.id.clone());
        effects.extend(notice.hook.map(|limit| LifeEffect::PreStop { trigger, limit }));
    }

    fn evaluate_idleness(&mut self, readings: Option<&[SignalReading]>, effects: &mut Vec<LifeEffect>) {
        self.watch.advance(self.mono);
        if let Some(readings) = readings {
            self.watch.evaluate(self.terms.idle.as_ref(), readings, self.mono);
        }
        if self.time_to_idle_end().is_none() && self.idle_warned.take().is_some() {
            let text = "the instance is in use again; the idle action is cancelled";
            effects.push(LifeEffect::Notify(UserNotice::new(NoticeUrgency::Warning, text)));
        }
    }

    fn warn(&mut self, effects: &mut Vec<LifeEffect>) {
        if self.ending.is_some() {
            return;
        }
        let left = self.time_to_end();
        if let Some(urgency) = notice::take_due_warning(&mut self.warned, left, self.mono) {
            let cause = if self.completed { EndCause::Complete } else { EndCause::Expiry };
            let detail = format!("the running time agreed at launch was {}", format_span(self.terms.budget));
            let announced = EndAnnouncement { cause, detail };
            let warning = UserNotice::warning(urgency, self.action(cause), left, announced);
            effects.push(LifeEffect::Notify(warning));
        }
        let Some(left) = self.time_to_idle_end() else { return };
        if let Some(urgency) = notice::take_due_warning(&mut self.idle_warned, left, self.mono) {
            let detail =
                format!("nothing counted as work for {}", format_span(self.watch.idle_for(self.mono)));
            let announced = EndAnnouncement { cause: EndCause::Idle, detail };
            let warning = UserNotice::warning(urgency, self.action(EndCause::Idle), left, announced);
            effects.push(LifeEffect::Notify(warning));
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
