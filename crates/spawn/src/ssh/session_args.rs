use std::path::PathBuf;

use clap::{Args, ValueEnum};
use console::Failure;

use super::session::{SessionOptions, SessionRoute};
use crate::Ports;
use crate::settings::{SettingsLayer, SpawnSettings, SshSettings};

/// The flags of every command that opens a session.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct SessionArgs {
    /// Login user [default: the setting ssh.user, else the user of the launch or of the image]
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Private key file [default: the file or the agent's key of the instance's key pair]
    #[arg(long, short, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Accept the server's own host key if the instance has published none
    #[arg(long)]
    pub trust_first: bool,
    /// The way in [default: key, then instance-connect, then session-manager]
    #[arg(long, value_name = "WAY")]
    pub via: Option<SessionVia>,
}

/// A way into an instance, as `--via` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SessionVia {
    /// ssh with a key of yours
    Key,
    /// ssh with a throwaway key, which EC2 Instance Connect accepts for 60 seconds
    InstanceConnect,
    /// A shell of the Session Manager, without ssh
    SessionManager,
}

impl SessionArgs {
    /// Merges the flags with the settings.
    pub(crate) fn options(&self, ports: &Ports<'_>) -> Result<SessionOptions, Failure> {
        let flags = SettingsLayer::default().text_flag("ssh.user", "--user", self.user.as_deref());
        let settings = SpawnSettings::resolve(ports.spawn_settings, None, flags, ports.settings)?.ssh;
        let route = |via| match via {
            SessionVia::Key => SessionRoute::Key,
            SessionVia::InstanceConnect => SessionRoute::InstanceConnect,
            SessionVia::SessionManager => SessionRoute::SessionManager,
        };
        Ok(SessionOptions {
            user: settings.user.map(|user| user.value),
            jump: settings.jump.map(|jump| jump.value),
            identity: self.identity.clone(),
            trust_first: self.trust_first,
            via: self.via.map(route),
        })
    }
}

/// Returns the login user and the bastion of the settings.
pub(crate) fn configured_options(ports: &Ports<'_>) -> Result<SessionOptions, Failure> {
    let settings = ssh_settings(ports)?;
    Ok(SessionOptions {
        user: settings.user.map(|user| user.value),
        jump: settings.jump.map(|jump| jump.value),
        ..SessionOptions::default()
    })
}

/// Returns the settings of connections.
pub(crate) fn ssh_settings(ports: &Ports<'_>) -> Result<SshSettings, Failure> {
    let merged =
        SpawnSettings::resolve(ports.spawn_settings, None, SettingsLayer::default(), ports.settings)?;
    Ok(merged.ssh)
}
