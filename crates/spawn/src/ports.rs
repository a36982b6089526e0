use std::path::PathBuf;
use std::time::Duration;

use catalog::ports::{Ask, AskError, Encode};
use console::{Failure, Settings};
use domain::Timestamp;
use fleet::ports::{Account, FleetError, Instances, Quotas};

use crate::process::ProcessRunner;

/// Ports of spawn to the outside.
pub struct Ports<'a> {
    /// The caller's account.
    pub account: &'a dyn Account,
    /// EC2's instances.
    pub instances: &'a dyn Instances,
    /// The account's quotas.
    pub quotas: &'a dyn Quotas,
    /// Opens the warehouse, which has the prices; called only when a command needs it.
    pub warehouse: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
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
}

/// Converts an error of EC2 to a failure with a hint.
pub(crate) fn cloud_failure(error: FleetError) -> Failure {
    match error {
        FleetError::Credentials(why) => Failure::broken(why)
            .hint("log in (aws sso login, aws configure), or name a profile with AWS_PROFILE"),
        FleetError::Refused { why, .. } | FleetError::Failed(why) => Failure::broken(why),
    }
}
