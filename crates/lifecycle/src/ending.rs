//! How an instance ends: the pre-stop hook, the call to AWS, and the fallback when the call fails.

use crate::notice::Cause;
use crate::state::State;
use crate::step::{Effect, Refusal};
use crate::terms::{Action, PowerOff};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How long the call is tried before the machine powers itself off.
const CALLING: SignedDuration = SignedDuration::from_mins(2);
/// The time between two calls.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// An accepted call has failed if the machine still runs after this time.
const ACCEPTED: SignedDuration = SignedDuration::from_mins(5);
/// The time between two attempts to power off.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// An end in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) cause: Cause,
    action: Action,
    stage: Stage,
    since: SignedDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// The hook runs.
    Hook,
    /// The call is being made; `tried` is the time of the latest attempt.
    Call { tried: SignedDuration },
    /// AWS accepted the call.
    Accepted,
    /// The machine powers itself off.
    PowerOff,
}

impl State {
    /// Returns why the instance must end now, if it must.
    pub(crate) fn cause(&self) -> Option<Cause> {
        if self.time_to_end() <= SignedDuration::ZERO && self.warned.is_some() {
            return Some(if self.completed { Cause::Complete } else { Cause::Expiry });
        }
        self.idle_due().then_some(Cause::Idle)
    }

    /// Returns the action for this cause that works in this market.
    pub(crate) fn action(&self, cause: Cause) -> Action {
        self.terms.workable(match cause {
            Cause::Expiry => self.terms.on_expiry,
            Cause::Complete => self.terms.on_complete,
            Cause::Idle => self.terms.idle.as_ref().map_or(Action::Stop, |idle| idle.action),
        })
    }

    /// Starts, continues or abandons the end. `fresh` means that the idle signals were read in this
    /// step; an end by idleness starts only then.
    pub(crate) fn pursue_end(&mut self, fresh: bool, effects: &mut Vec<Effect>) {
        match (self.ending, self.cause()) {
            (None, Some(Cause::Idle)) if !fresh => {}
            (None, Some(cause)) => {
                let action = self.action(cause);
                self.ending = Some(Ending { cause, action, stage: Stage::Hook, since: self.mono });
                effects.push(Effect::PreStop { limit: self.terms.pre_stop_limit });
            }
            (Some(ending), None)
                if ending.stage == Stage::Accepted && self.mono - ending.since < ACCEPTED => {}
            (Some(_), None) => self.give_up(),
            (Some(ending), _) => self.continue_end(ending, effects),
            (None, None) => {}
        }
    }

    /// Abandons the end after an extension or activity: the instance lives on.
    fn give_up(&mut self) {
        if self.ending.is_some_and(|ending| ending.stage != Stage::Hook) {
            self.say_running();
        }
        self.ending = None;
    }

    fn continue_end(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        let age = self.mono - ending.since;
        match ending.stage {
            Stage::Hook if age >= self.terms.pre_stop_limit => self.call(ending, effects),
            Stage::Call { .. } if age >= CALLING => self.fall_back(ending, effects),
            Stage::Call { tried } if self.mono - tried >= RETRY => {
                self.ending = Some(Ending { stage: Stage::Call { tried: self.mono }, ..ending });
                effects.push(Effect::Call(ending.action));
            }
            Stage::Accepted if age >= ACCEPTED && ending.action == Action::Hibernate => {
                self.call(Ending { action: Action::Stop, ..ending }, effects);
            }
            Stage::Accepted if age >= ACCEPTED => self.fall_back(ending, effects),
            Stage::PowerOff if age >= AGAIN => self.fall_back(ending, effects),
            Stage::Hook | Stage::Call { .. } | Stage::Accepted | Stage::PowerOff => {}
        }
    }

    /// Continues after the pre-stop hook. A late report of the hook is ignored.
    pub(crate) fn hook_done(&mut self, effects: &mut Vec<Effect>) {
        if let Some(ending @ Ending { stage: Stage::Hook, .. }) = self.ending {
            self.call(ending, effects);
        }
    }

    /// Makes the call. The tag announces a stop first, so that the next start finds the time left.
    fn call(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        self.ending = Some(Ending { stage: Stage::Call { tried: self.mono }, since: self.mono, ..ending });
        if ending.action != Action::Terminate {
            effects.push(Effect::WriteTag(self.paused_tag()));
        }
        effects.push(Effect::Call(ending.action));
    }

    /// Handles the outcome of the call.
    pub(crate) fn called(&mut self, outcome: &Result<(), Refusal>, effects: &mut Vec<Effect>) {
        let Some(ending @ Ending { stage: Stage::Call { .. }, .. }) = self.ending else { return };
        match outcome {
            Ok(()) => self.ending = Some(Ending { stage: Stage::Accepted, since: self.mono, ..ending }),
            Err(Refusal::NoHibernation) if ending.action == Action::Hibernate => {
                effects
                    .push(Effect::trouble("AWS refuses to hibernate this instance; it is stopped instead"));
                self.call(Ending { action: Action::Stop, ..ending }, effects);
            }
            Err(Refusal::Denied(_) | Refusal::NoHibernation) => self.fall_back(ending, effects),
            Err(Refusal::Failed(_)) => {}
        }
    }

    /// Handles a call that does not work. A bound is enforced by powering off. An idle instance is
    /// not powered off if that would terminate an instance that was to be stopped or hibernated:
    /// idleness must not cost a disk.
    fn fall_back(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        let destroys = self.terms.power_off == PowerOff::Terminates && ending.action != Action::Terminate;
        if ending.cause == Cause::Idle && destroys {
            let text =
                "the idle instance could not be stopped, and powering off would terminate it; it runs on";
            effects.push(Effect::trouble(text));
            self.give_up();
            self.idle_warned = None;
            self.watch.touch(self.mono);
            return;
        }
        self.ending = Some(Ending { stage: Stage::PowerOff, since: self.mono, ..ending });
        effects.push(Effect::PowerOff);
    }
}
