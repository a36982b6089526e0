use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use catalog::ports::Encode;
use console::{Failure, Settings};
use domain::Timestamp;
use fleet::ports::{Account, FleetError, Instances, RemoteAccess};

use crate::process::ProcessRunner;

/// Connects the standard streams with an address.
pub type RelayPort = dyn Fn(SocketAddr, &dyn Fn() -> io::Result<()>) -> io::Result<()>;

/// Ports of spawn to the outside.
pub struct Ports<'a> {
    /// The caller's account.
    pub account: &'a dyn Account,
    /// EC2's instances.
    pub instances: &'a dyn Instances,
    /// The services that open a way into an instance.
    pub access: &'a dyn RemoteAccess,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The machine's clock, used only for durations. The current time comes from AWS.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Sleeps for a duration.
    pub wait: &'a dyn Fn(Duration),
    /// Returns a new unique id: letters and digits, at most 40.
    pub new_id: &'a dyn Fn() -> String,
    /// Starts programs of this machine, such as ssh.
    pub processes: &'a dyn ProcessRunner,
    /// Connects the standard streams with an address, after a step that runs once the connection
    /// stands. Its failure has the kind `Other`.
    pub relay: &'a RelayPort,
    /// Shows a yes-or-no question on the terminal, wherever the standard streams lead.
    pub ask_on_terminal: &'a dyn Fn(&str) -> Option<bool>,
    /// The user's home folder, which has the folder `.ssh`.
    pub home: PathBuf,
    /// The path of the running executable, with links resolved.
    pub executable: PathBuf,
}

impl Ports<'_> {
    /// Returns the folder of the launch journal.
    pub(crate) fn journal_folder(&self) -> PathBuf {
        self.settings.config.join("launches")
    }

    /// Returns the folder of spawn's own ssh files.
    pub(crate) fn ssh_folder(&self) -> PathBuf {
        self.settings.config.join("ssh")
    }
}

/// Converts an error of EC2 to a failure with a hint.
pub(crate) fn cloud_failure(error: FleetError) -> Failure {
    match error {
        FleetError::Credentials(why) => Failure::broken(why)
            .hint("log in (aws sso login, aws configure), or name a profile with AWS_PROFILE"),
        FleetError::Refused { why, .. } | FleetError::Failed(why) => Failure::broken(why),
    }
}
