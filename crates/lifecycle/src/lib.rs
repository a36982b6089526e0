//! The life of one instance: its budget of running time, its idleness, its warnings and its end.
//!
//! The life is computed by one pure function, [`step`]: a [`DaemonState`] and the observed
//! [`StepInputs`] give the next state and the [`LifeEffect`]s to perform. Four rules hold:
//!
//! * The budget is running time. It counts on the monotonic clock, so it pauses while the instance
//!   is stopped or hibernated, and a reboot refills nothing. The cap is an instant that no
//!   extension exceeds.
//! * A value that cannot be read never means "no bound", and never "idle".
//! * No instance ends without a warning that is at least as old as the grace period.
//! * Every intent has a generation. The highest generation wins; of two intents with the same
//!   generation, the earlier end wins.
//!
//! The crate `fleet` handles instances as seen from outside.
//!
//! The crate never reads a clock, a file, a socket, the environment or AWS, and it never waits.
//! Slow work is an effect; its outcome comes back as an [`LifeEvent`] of a later step.
//!
//! # Time
//!
//! The state holds one number: the running time left on the monotonic clock. It is signed, so an
//! overdue life stays overdue. An instant in a tag is converted with AWS's clock (the `Date` of an
//! answer plus the time since boot), never with the local clock. A boot with a new pending time is
//! a start; with the same pending time it is a reboot. Time that the daemon did not observe is not
//! idle time.
//!
//! # The dead-man
//!
//! Its timer is set to the time left, plus the grace period, plus 10 minutes, and is written again
//! only if the time left changes. It counts from boot (`OnBootSec=`), because any `daemon-reload`
//! makes systemd 252 count `OnActiveSec=` from the start again. Its file is in `/run`, because it
//! is meaningless for another boot.
//!
//! # Order of effects
//!
//! Warnings first, then the saved state, then the actions, then the answers. The heartbeat is last,
//! so that it never delays another effect.

pub mod clock_time;
mod clocks;
pub mod dead_man;
mod delivery;
mod effect;
mod end_action;
mod end_progress;
mod ending;
mod heartbeat_history;
mod heartbeat_schedule;
pub mod idle;
mod inputs;
mod intent;
mod intent_state;
mod notice;
mod role_policy;
mod state;
mod status;
mod step;
pub mod tag;
mod terms;

pub use clocks::{BootIdentity, ClockReadings};
pub use delivery::{DaemonSource, DeliveryFault, receive_script};
pub use effect::LifeEffect;
pub use end_action::EndAction;
pub use heartbeat_schedule::HeartbeatStatus;
pub use inputs::{
    AwsCallError, AwsNotice, Command, HookTrigger, LifeEvent, LifeTags, StepInputs, UtilizationSample,
};
pub use notice::{EndAnnouncement, EndCause, NoticeUrgency, UserNotice};
pub use role_policy::role_policy;
pub use state::DaemonState;
pub use status::{EndStatus, LifeStatus};
pub use step::step;
pub use terms::{PowerOff, PurchasingOption, Terms};
