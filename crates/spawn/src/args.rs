#![expect(
    missing_docs,
    reason = "the doc comments of these types are the help, and a command's help is its own file's"
)]

use clap::{Parser, Subcommand};
use console::Flags;

use crate::launch::LaunchArgs;
use crate::list::ListArgs;
use crate::policy::PolicyArgs;
use crate::reap::ReapArgs;

/// Launches instances whose life is bounded, lists them, and ends those that outlived their time.
///
/// Exit codes: 0 done, 1 the machine, the network or AWS failed, or something is not as it was asked for, 2 what was
/// typed cannot be understood, 3 there is nothing, 4 a file cannot be used.
#[derive(Debug, Parser)]
#[command(name = "spawn", bin_name = "spawn", version, max_term_width = 100)]
pub struct SpawnArgs {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of spawn.
#[derive(Debug, Subcommand)]
pub enum Command {
    Launch(LaunchArgs),
    List(ListArgs),
    Reap(ReapArgs),
    Policy(PolicyArgs),
}
