#![expect(missing_docs, reason = "the doc comments of these types are the help")]

use clap::{Parser, Subcommand};
use console::CommonFlags;

use crate::commands::calls::CallsArgs;
use crate::commands::clock::ClockArgs;
use crate::commands::env::EnvArgs;
use crate::commands::instance::InstanceArgs;
use crate::commands::serve::ServeArgs;

/// A strict EC2 emulator on this machine, for trials without an AWS account.
///
/// It refuses the requests that AWS refuses, and its clock can be moved forward. It reaches nothing
/// beyond this machine. AWS cannot issue its ids, keys and accounts.
///
/// Exit codes: 0 done, 1 the machine failed or no sandbox answers, 2 the arguments are wrong, 4 a
/// scenario or a state folder cannot be used.
#[derive(Debug, Parser)]
#[command(name = "sandbox", bin_name = "mycelium sandbox", version, max_term_width = 100)]
pub struct SandboxArgs {
    #[command(flatten)]
    pub flags: CommonFlags,
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands of `mycelium sandbox`.
#[derive(Debug, Subcommand)]
pub enum Command {
    Serve(ServeArgs),
    Env(EnvArgs),
    Clock(ClockArgs),
    /// Interrupt a spot instance: the notice first, the interruption two minutes later
    Interrupt(InstanceArgs),
    /// Power an instance off, as `poweroff` does inside it
    Poweroff(InstanceArgs),
    /// Open a separate port for an instance's metadata (IMDSv2), and print its address
    Imds(InstanceArgs),
    /// Print the private host key of an instance, for an SSH server that plays the instance
    HostKey(InstanceArgs),
    Calls(CallsArgs),
    /// Print the JSON schema of scenario files
    Schema,
}
