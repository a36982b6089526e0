//! The life of an instance: how long it may run, when it is idle, whom to warn, and how it ends.
//!
//! Everything here is one pure function, [`step`], and what it needs: a [`State`] and what was seen
//! ([`Inputs`]) give the next state and what is to be done ([`Effect`]). The rules are few:
//!
//! * The budget is running time. It counts on the monotonic clock, so it stands still while the
//!   instance is stopped or hibernated; a reboot refills nothing. The cap is an instant that no
//!   extension passes.
//! * What cannot be seen is never "no bound", and never "idle".
//! * Nobody is cut off without a warning that is at least the grace old.
//! * An intent has a generation; the highest wins, and of two equal ones the earlier end.
//!
//! Beside the life from inside stand the two looks from outside, pure in the same way: [`launch`] begins a
//! life at most once, [`reap`] says which lives are overdue and whose, and [`cloud`] is the port to what both
//! ask of EC2.
//!
//! This room will never know a clock, a file, a socket, the environment or AWS. It never waits: what
//! takes time is an effect, and how it went comes back as an [`Event`].

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
