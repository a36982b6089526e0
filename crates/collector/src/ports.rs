use catalog::ports::{Ask, AskError, Encode, Source, SourceError, StopFlag, Store, StoreError};
use console::{Failure, FailureKind, Settings};
use domain::Timestamp;
use std::io;
use std::time::Duration;

use crate::{DeliveryTarget, OutgoingAlert};

/// Opens the warehouse over the current manifest. It is closed when it is dropped, because `watch`
/// opens it again in every round.
pub type ReopenWarehouse<'a> = dyn Fn() -> Result<Box<dyn Ask>, AskError> + 'a;

/// Delivers alerts.
pub trait Deliver {
    /// Makes one attempt, which ends within a minute.
    ///
    /// # Errors
    /// The reason, without any secret.
    fn deliver(&self, target: &DeliveryTarget, alert: &OutgoingAlert, now: Timestamp) -> Result<(), String>;
}

/// Ports of the collector to the outside.
pub struct Ports<'a> {
    /// The lake.
    pub store: &'a dyn Store,
    /// Opens the warehouse, to query the quarantined prices.
    pub warehouse: &'a ReopenWarehouse<'a>,
    /// Connects to AWS; called only when a command needs it.
    pub source: &'a dyn Fn() -> Result<Box<dyn Source>, SourceError>,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// Returns the present time of this machine.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Asks the user a yes-or-no question; returns `None` without a terminal.
    pub agree: &'a dyn Fn(&str) -> Option<bool>,
    /// Delivers alerts.
    pub deliver: &'a dyn Deliver,
    /// Reads standard input, at most so many MiB of UTF-8 text.
    pub input: &'a dyn Fn(usize) -> io::Result<String>,
    /// Returns a variable of the environment.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Waits for a span.
    pub wait: &'a dyn Fn(Duration),
    /// Set when the program is asked to stop.
    pub stop: &'a StopFlag,
}

/// Converts an error of the lake into a failure with a hint.
pub(crate) fn lake_failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match error {
        StoreError::Locked { .. } => Failure::broken(text).hint("wait for the other collector, or stop it"),
        StoreError::Newer { .. } => {
            Failure::new(FailureKind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        StoreError::Foreign(_) => {
            Failure::new(FailureKind::Data, text).hint("name an empty folder with --lake")
        }
        StoreError::Damaged(damage) => damage.into(),
        StoreError::BadFile(_) => {
            Failure::new(FailureKind::Data, text).hint("see collector import --help for the expected files")
        }
        StoreError::UnknownCoverage { accounts, .. } => {
            let accounts = if accounts.is_empty() { "ACCOUNT,…" } else { &accounts };
            Failure::new(FailureKind::Data, text).hint(format!(
                "--covers {accounts} replaces only the lines of these accounts, --covers all those of all \
                 accounts"
            ))
        }
        StoreError::Io(_) => Failure::broken(text).hint(
            "the failed run added nothing to the lake; free space there, or choose another with --lake",
        ),
    }
}
