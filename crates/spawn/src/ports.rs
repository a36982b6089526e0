use std::path::PathBuf;
use std::time::Duration;

use catalog::ports::{Ask, AskError, Encode};
use console::{Failure, Settings};
use domain::Timestamp;
use fleet::ports::{Account, CallerAddress, FleetError, Images, Instances, Provisioning, Quotas};
use fleet::refusal::{self, RefusalContext};
use jiff::tz::TimeZone;

use crate::process::ProcessRunner;
use crate::settings::SpawnSources;

/// Ports of spawn to the outside.
pub struct Ports<'a> {
    /// The caller's account.
    pub account: &'a dyn Account,
    /// EC2's instances.
    pub instances: &'a dyn Instances,
    /// Images and instance types.
    pub images: &'a dyn Images,
    /// Opens the warehouse; called only when a command needs a price.
    pub warehouse: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
    /// Key pairs, security groups and roles.
    pub provisioning: &'a dyn Provisioning,
    /// The public address of this machine.
    pub address: &'a dyn CallerAddress,
    /// The account's quotas.
    pub quotas: &'a dyn Quotas,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// The sources of launch settings.
    pub spawn_settings: &'a SpawnSources,
    /// The profile of `--account`, for programs that this process starts.
    pub aws_profile: Option<&'a str>,
    /// The machine's clock, used only for durations and for clock times that a user types. The
    /// current time comes from AWS.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Sleeps for a duration.
    pub wait: &'a dyn Fn(Duration),
    /// Shows a yes-or-no question; returns nothing where there is no terminal.
    pub agree: &'a dyn Fn(&str) -> Option<bool>,
    /// Returns a new unique id: letters and digits, at most 40.
    pub new_id: &'a dyn Fn() -> String,
    /// Shows a question and returns the typed line; nothing without a terminal.
    pub prompt: &'a dyn Fn(&str) -> Option<String>,
    /// Returns the text on standard input, of at most so many MiB.
    pub input: &'a dyn Fn(usize) -> std::io::Result<String>,
    /// Returns the user's time zone.
    pub time_zone: &'a dyn Fn() -> TimeZone,
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

/// Converts an error of AWS to a failure with a hint.
pub(crate) fn cloud_failure(error: FleetError) -> Failure {
    cloud_failure_in(error, &RefusalContext::default())
}

/// Converts an error of AWS to a failure, with a hint that names the region and the type.
pub(crate) fn cloud_failure_in(error: FleetError, context: &RefusalContext<'_>) -> Failure {
    match error {
        FleetError::Credentials(why) => Failure::broken(why)
            .hint("log in (aws sso login, aws configure), or name a profile with --account"),
        FleetError::Refused { code, why } => refused_failure(&code, why, context),
        FleetError::Failed(why) => Failure::broken(why),
    }
}

/// Returns the failure of a refused request, with the hint of its error code. `message` contains
/// AWS's sentence.
pub(crate) fn refused_failure(code: &str, message: String, context: &RefusalContext<'_>) -> Failure {
    let hint = refusal::hint(code, &message, context);
    Failure { hint, ..Failure::broken(message) }
}
