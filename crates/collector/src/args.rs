#![expect(
    missing_docs,
    reason = "these doc comments are the help, and each command's help is in its own file"
)]

use clap::{Parser, Subcommand};
use console::CommonFlags;

use crate::commands::bundle::BundleArgs;
use crate::commands::compact::CompactArgs;
use crate::commands::drop::DropArgs;
use crate::commands::forget::ForgetArgs;
use crate::commands::notify::NotifyArgs;
use crate::commands::policy::CollectorPolicyArgs;
use crate::commands::prune::PruneArgs;
use crate::commands::status::CollectorStatusArgs;
use crate::commands::watch::WatchArgs;
use crate::import::args::ImportArgs;
use crate::snapshot::args::SnapshotArgs;

/// Collect data from AWS and from files into the local lake, which truffle reads.
///
/// Exit codes: 0 success; 1 the machine, the network or AWS failed; 2 the command line is invalid;
/// 3 no data or no match; 4 the lake or a file cannot be used; 5 the signer of a bundle is not
/// trusted; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "collector", bin_name = "collector", version, max_term_width = 100)]
pub struct CollectorArgs {
    #[command(flatten)]
    pub flags: CommonFlags,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the collector.
#[derive(Debug, Subcommand)]
pub enum Command {
    Snapshot(SnapshotArgs),
    Watch(WatchArgs),
    Import(ImportArgs),
    Status(CollectorStatusArgs),
    Policy(CollectorPolicyArgs),
    Compact(CompactArgs),
    Prune(PruneArgs),
    Bundle(BundleArgs),
    Forget(ForgetArgs),
    Drop(DropArgs),
    Notify(NotifyArgs),
}
