//! The life of one instance: its budget of running time, its idleness, its warnings and its end.
//!
//! The life is computed by one pure function, [`step`]: a [`DaemonState`] and the observed [`StepInputs`]
//! give the next state and the [`LifeEffect`]s to perform. Four rules hold:
//!
//! * The budget is running time. It counts on the monotonic clock, so it pauses while the instance
//!   is stopped or hibernated, and a reboot refills nothing. The cap is an instant that no
//!   extension exceeds.
//! * A value that cannot be read never means "no bound", and never "idle".
//! * No instance ends without a warning that is at least as old as the grace period.
//! * Every intent has a generation. The highest generation wins; of two intents with the same
//!   generation, the earlier end wins.
//!
//! Three more modules handle instances as seen from outside, without I/O too: [`launch`] starts an
//! instance at most once, [`reap`] finds overdue instances, and [`cloud`] is the port to EC2 for
//! both.
//!
//! The crate never reads a clock, a file, a socket, the environment or AWS, and it never waits.
//! Slow work is an effect; its outcome comes back as an [`LifeEvent`] of a later step.

pub mod clock_time;
pub mod dead_man;
mod ending;
mod heartbeat_schedule;
pub mod idle;
mod intent;
mod notice;
mod state;
mod status;
mod step;
pub mod tag;
mod terms;

pub use heartbeat_schedule::{HeartbeatStatus, UtilizationSample};
pub use notice::{EndCause, NoticeUrgency, UserNotice};
pub use state::{BootIdentity, ClockReadings, DaemonState};
pub use status::{EndStatus, LifeStatus};
pub use step::{AwsCallError, AwsNotice, Command, LifeEffect, LifeEvent, LifeTags, StepInputs, step};
pub use terms::{EndAction, PowerOff, PurchasingOption, Terms};
