//! How an instance ends: the hook, the call, and what is left when the call does not work.

use crate::notice::Cause;
use crate::state::State;
use crate::step::{Effect, Refusal};
use crate::terms::{Action, PowerOff};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How long the call is tried before the machine powers itself off.
const CALLING: SignedDuration = SignedDuration::from_mins(2);
/// Between two calls.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// An accepted call that has not ended the machine by then has failed.
const ACCEPTED: SignedDuration = SignedDuration::from_mins(5);
/// Between two tries to power off.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// An end under way.
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
    /// The call is being made; `tried` when it was last made.
    Call { tried: SignedDuration },
    /// AWS said yes.
    Accepted,
    /// The machine powers itself off.
    PowerOff,
}

impl State {
    /// Why the instance should end now, if it should.
    pub(crate) fn cause(&self) -> Option<Cause> {
        if self.time_to_end() <= SignedDuration::ZERO && self.warned.is_some() {
            return Some(if self.completed { Cause::Complete } else { Cause::Expiry });
        }
        self.idle_due().then_some(Cause::Idle)
    }

    /// The action that this cause asks for and the market allows.
    pub(crate) fn action(&self, cause: Cause) -> Action {
        self.terms.workable(match cause {
            Cause::Expiry => self.terms.on_expiry,
            Cause::Complete => self.terms.on_complete,
            Cause::Idle => self.terms.idle.as_ref().map_or(Action::Stop, |idle| idle.action),
        })
    }

    /// Begins, continues or gives up the end. `fresh` says that the idle signals were read just now:
    /// idleness is acted upon only then.
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

    /// Something changed (an extension, activity): the instance lives on.
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

    /// The hook is done, in time or not.
    pub(crate) fn hook_done(&mut self, effects: &mut Vec<Effect>) {
        if let Some(ending @ Ending { stage: Stage::Hook, .. }) = self.ending {
            self.call(ending, effects);
        }
    }

    /// A stop is announced in the tag first, so that a start finds what was left.
    fn call(&mut self, ending: Ending, effects: &mut Vec<Effect>) {
        self.ending = Some(Ending { stage: Stage::Call { tried: self.mono }, since: self.mono, ..ending });
        if ending.action != Action::Terminate {
            effects.push(Effect::WriteTag(self.paused_tag()));
        }
        effects.push(Effect::Call(ending.action));
    }

    /// How the call went.
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

    /// The call does not work. A bound is kept by powering off; idleness only where that stops the
    /// instance, because nobody agreed to lose a disk for being idle.
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
