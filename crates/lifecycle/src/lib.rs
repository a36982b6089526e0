//! The life of one instance: its budget of running time, its idleness, its warnings and its end.
//!
//! The life is computed by one pure function, [`step`]: a [`State`] and the observed [`Inputs`]
//! give the next state and the [`Effect`]s to perform. Four rules hold:
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
//! Slow work is an effect; its outcome comes back as an [`Event`] of a later step.

mod beat;
pub mod dead_man;
mod ending;
pub mod idle;
mod intent;
mod notice;
pub mod clock_time;
mod state;
mod status;
mod step;
pub mod tag;
mod terms;

pub use beat::{BeatStatus, Measured};
pub use notice::{Cause, Notice, Urgency};
pub use state::{Boot, Clocks, State};
pub use status::{EndStatus, Status};
pub use step::{AwsNotice, Command, Effect, Event, Inputs, Refusal, Tags, step};
pub use terms::{Action, Market, PowerOff, Terms};
