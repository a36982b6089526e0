//! How an instance ends: the pre-stop hook, the call to AWS, and the fallback when the call fails.

use crate::effect::LifeEffect;
use crate::end_action::EndAction;
use crate::end_progress::{EndProgress, EndStage};
use crate::inputs::{AwsCallError, HookTrigger};
use crate::notice::EndCause;
use crate::state::DaemonState;
use crate::terms::PowerOff;
use jiff::SignedDuration;

/// How long the call is tried before the machine powers itself off.
const CALLING: SignedDuration = SignedDuration::from_mins(2);
/// The time between two calls.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// An accepted call has failed if the machine still runs after this time.
const ACCEPTED: SignedDuration = SignedDuration::from_mins(5);
/// The time between two attempts to power off.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

impl DaemonState {
    /// Returns why the instance must end now, if it must.
    pub(crate) fn cause(&self) -> Option<EndCause> {
        if self.time_to_end() <= SignedDuration::ZERO && self.warned.is_some() {
            return Some(if self.completed { EndCause::Complete } else { EndCause::Expiry });
        }
        self.idle_due().then_some(EndCause::Idle)
    }

    /// Returns the action for this cause that works in this market.
    pub(crate) fn action(&self, cause: EndCause) -> EndAction {
        self.terms.workable(match cause {
            EndCause::Expiry => self.terms.on_expiry,
            EndCause::Complete => self.terms.on_complete,
            EndCause::Idle => self.terms.idle.as_ref().map_or(EndAction::Stop, |idle| idle.action),
        })
    }

    /// Starts, continues or abandons the end. `fresh` means that the idle signals were read in this
    /// step; an end by idleness starts only then.
    pub(crate) fn advance_end(&mut self, fresh: bool, effects: &mut Vec<LifeEffect>) {
        match (self.ending, self.cause()) {
            (None, Some(EndCause::Idle)) if !fresh => {}
            (None, Some(cause)) => {
                let action = self.action(cause);
                self.ending = Some(EndProgress { cause, action, stage: EndStage::Hook, since: self.mono });
                let trigger = HookTrigger::End { since: self.mono };
                effects.push(LifeEffect::PreStop { trigger, limit: self.terms.pre_stop_limit });
            }
            (Some(ending), None)
                if ending.stage == EndStage::Accepted && self.mono - ending.since < ACCEPTED => {}
            (Some(_), None) => self.give_up(),
            (Some(ending), _) => self.continue_end(ending, effects),
            (None, None) => {}
        }
    }

    /// Abandons the end after an extension or activity: the instance lives on.
    fn give_up(&mut self) {
        if self.ending.is_some_and(|ending| ending.stage != EndStage::Hook) {
            self.announce_running();
        }
        self.ending = None;
    }

    fn continue_end(&mut self, ending: EndProgress, effects: &mut Vec<LifeEffect>) {
        let age = self.mono - ending.since;
        match ending.stage {
            EndStage::Hook if age >= self.terms.pre_stop_limit => self.call(ending, effects),
            EndStage::Call { .. } if age >= CALLING => self.fall_back(ending, effects),
            EndStage::Call { tried } if self.mono - tried >= RETRY => {
                self.ending = Some(EndProgress { stage: EndStage::Call { tried: self.mono }, ..ending });
                effects.push(LifeEffect::Call(ending.action));
            }
            EndStage::Accepted if age >= ACCEPTED && ending.action == EndAction::Hibernate => {
                self.call(EndProgress { action: EndAction::Stop, ..ending }, effects);
            }
            EndStage::Accepted if age >= ACCEPTED => self.fall_back(ending, effects),
            EndStage::PowerOff if age >= AGAIN => self.fall_back(ending, effects),
            EndStage::Hook | EndStage::Call { .. } | EndStage::Accepted | EndStage::PowerOff => {}
        }
    }

    /// Continues after the pre-stop hook of the current end. The reports of other hooks, and late
    /// ones, are ignored.
    pub(crate) fn continue_after_hook(&mut self, trigger: &HookTrigger, effects: &mut Vec<LifeEffect>) {
        if let Some(ending @ EndProgress { stage: EndStage::Hook, since, .. }) = self.ending
            && *trigger == (HookTrigger::End { since })
        {
            self.call(ending, effects);
        }
    }

    /// Makes the call. The tag announces a stop first, so that the next start finds the time left.
    fn call(&mut self, ending: EndProgress, effects: &mut Vec<LifeEffect>) {
        self.ending =
            Some(EndProgress { stage: EndStage::Call { tried: self.mono }, since: self.mono, ..ending });
        if ending.action != EndAction::Terminate {
            effects.push(LifeEffect::WriteTag(self.paused_tag()));
        }
        effects.push(LifeEffect::Call(ending.action));
    }

    /// Handles the outcome of the call.
    pub(crate) fn called(&mut self, outcome: &Result<(), AwsCallError>, effects: &mut Vec<LifeEffect>) {
        let Some(ending @ EndProgress { stage: EndStage::Call { .. }, .. }) = self.ending else { return };
        match outcome {
            Ok(()) => {
                self.ending = Some(EndProgress { stage: EndStage::Accepted, since: self.mono, ..ending })
            }
            Err(AwsCallError::NoHibernation) if ending.action == EndAction::Hibernate => {
                effects.push(LifeEffect::trouble(
                    "AWS refuses to hibernate this instance; it is stopped instead",
                ));
                self.call(EndProgress { action: EndAction::Stop, ..ending }, effects);
            }
            Err(AwsCallError::Denied(_) | AwsCallError::NoHibernation) => self.fall_back(ending, effects),
            Err(AwsCallError::Failed(_)) => {}
        }
    }

    /// Handles a call that does not work. A bound is enforced by powering off. An idle instance is
    /// not powered off if that would terminate an instance that was to be stopped or hibernated:
    /// idleness must not cost a disk.
    fn fall_back(&mut self, ending: EndProgress, effects: &mut Vec<LifeEffect>) {
        let destroys = self.terms.power_off == PowerOff::Terminates && ending.action != EndAction::Terminate;
        if ending.cause == EndCause::Idle && destroys {
            let text =
                "the idle instance could not be stopped, and powering off would terminate it; it runs on";
            effects.push(LifeEffect::trouble(text));
            self.give_up();
            self.idle_warned = None;
            self.watch.touch(self.mono);
            return;
        }
        self.ending = Some(EndProgress { stage: EndStage::PowerOff, since: self.mono, ..ending });
        effects.push(LifeEffect::PowerOff);
    }
}
