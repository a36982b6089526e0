#![expect(
    missing_docs,
    reason = "the doc comments of these types are the help, and a command's help is its own file's"
)]

use clap::{Parser, Subcommand};
use console::Flags;

use crate::bundle::BundleArgs;
use crate::compact::CompactArgs;
use crate::forget::ForgetArgs;
use crate::import::ImportArgs;
use crate::policy::PolicyArgs;
use crate::prune::PruneArgs;
use crate::snapshot::SnapshotArgs;
use crate::status::StatusArgs;
use crate::watch::WatchArgs;

/// Brings data into the local lake, from which truffle answers.
///
/// Exit codes: 0 done, 1 the machine, the network or AWS failed, 2 what was typed cannot be understood, 3 there
/// is nothing yet, 4 the lake or a file cannot be used, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "collector", bin_name = "collector", version, max_term_width = 100)]
pub struct CollectorArgs {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the collector.
#[derive(Debug, Subcommand)]
pub enum Command {
    Snapshot(SnapshotArgs),
    Watch(WatchArgs),
    Import(ImportArgs),
    Status(StatusArgs),
    Policy(PolicyArgs),
    Compact(CompactArgs),
    Prune(PruneArgs),
    Bundle(BundleArgs),
    Forget(ForgetArgs),
}
