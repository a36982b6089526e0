#![expect(
    missing_docs,
    reason = "the doc comments are the help text; each command has its help in its own file"
)]

use clap::{Parser, Subcommand};
use console::CommonFlags;

use crate::commands::cleanup::CleanupArgs;
use crate::commands::config::ConfigArgs;
use crate::commands::connect::ConnectArgs;
use crate::commands::deliver::DeliverArgs;
use crate::commands::doctor::DoctorArgs;
use crate::commands::extend::ExtendArgs;
use crate::commands::hibernate::HibernateArgs;
use crate::commands::list::ListArgs;
use crate::commands::logs::LogsArgs;
use crate::commands::policy::SpawnPolicyArgs;
use crate::commands::proxy::ProxyArgs;
use crate::commands::reap::ReapArgs;
use crate::commands::reboot::RebootArgs;
use crate::commands::ssh_config::SshConfigArgs;
use crate::commands::start::StartArgs;
use crate::commands::status::SpawnStatusArgs;
use crate::commands::stop::StopArgs;
use crate::commands::terminate::TerminateArgs;
use crate::launcher::args::LaunchArgs;

/// Launch instances with a limited life, list them, and end overdue ones.
///
/// Exit codes: 0 done; 1 the machine, the network or AWS failed, or an instance differs from the
/// request; 2 the command line is invalid; 3 no match; 4 a file cannot be used; 6 overdue instances
/// were left alone, so a person must act.
#[derive(Debug, Parser)]
#[command(name = "spawn", bin_name = "spawn", version, max_term_width = 100)]
pub struct SpawnArgs {
    #[command(flatten)]
    pub flags: CommonFlags,
    /// Profile of ~/.aws/config whose credentials are used [default: the default credentials]
    #[arg(long, global = true, value_name = "PROFILE", help_heading = "Common")]
    pub account: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of spawn.
#[derive(Debug, Subcommand)]
pub enum Command {
    Launch(LaunchArgs),
    Deliver(DeliverArgs),
    List(ListArgs),
    Status(SpawnStatusArgs),
    Doctor(DoctorArgs),
    Connect(ConnectArgs),
    SshConfig(SshConfigArgs),
    #[command(hide = true)]
    Proxy(ProxyArgs),
    Logs(LogsArgs),
    Extend(ExtendArgs),
    Stop(StopArgs),
    Hibernate(HibernateArgs),
    Start(StartArgs),
    Reboot(RebootArgs),
    Terminate(TerminateArgs),
    Reap(ReapArgs),
    Cleanup(CleanupArgs),
    Policy(SpawnPolicyArgs),
    Config(ConfigArgs),
}
