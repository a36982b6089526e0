//! One launch, from the command line to the instance that was read back.
//!
//! The flags and the settings become a [`order::LaunchOrder`]. With the facts of AWS it becomes a
//! [`prepared::PreparedLaunch`], which is shown, compared with a plan file, or carried out by
//! [`settle`]. The decisions are those of `fleet::launch_plan` and `fleet::launch`.

pub(crate) mod args;
mod environment;
pub(crate) mod input;
pub(crate) mod order;
pub(crate) mod plan_file;
pub(crate) mod prepared;
pub(crate) mod report;
pub(crate) mod settle;
mod user_data;
pub(crate) mod wizard;
