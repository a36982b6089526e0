//! The effects of a step.

use crate::end_action::EndAction;
use crate::inputs::HookTrigger;
use crate::notice::{NoticeUrgency, UserNotice};
use crate::tag::{ExpiryTag, HeartbeatTag};
use jiff::SignedDuration;

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
    /// Write the expiry tag; answered by [`crate::LifeEvent::TagWritten`].
    WriteTag(ExpiryTag),
    /// Start the pre-stop hook, and kill it after `limit`; answered by
    /// [`crate::LifeEvent::PreStopDone`] with the same trigger. Several runs may overlap.
    PreStop {
        /// The reason for the run.
        trigger: HookTrigger,
        /// The time limit of the hook.
        limit: SignedDuration,
    },
    /// Call AWS to end the instance; answered by [`crate::LifeEvent::Called`].
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
    /// answered by [`crate::LifeEvent::HeartbeatWritten`].
    Heartbeat(HeartbeatTag),
}

impl LifeEffect {
    pub(crate) fn trouble(text: &str) -> LifeEffect {
        LifeEffect::Notify(UserNotice::new(NoticeUrgency::Trouble, text))
    }

    /// Returns the position of an effect: notices, the saved state, actions, replies, then
    /// heartbeats.
    pub(crate) fn rank(&self) -> u8 {
        match self {
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
}
