//! Access to AWS while a snapshot runs.

use catalog::ports::{ProfileAccount, Source, SourceError, StopFlag};
use console::{Failure, FailureKind};
use domain::Timestamp;

/// AWS, the stop flag and this machine's clock.
pub(crate) struct SourceAccess<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) stop: &'a StopFlag,
    pub(crate) clock: &'a dyn Fn() -> Timestamp,
}

impl SourceAccess<'_> {
    /// Returns this machine's time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Returns the account of a profile.
    pub(crate) fn account(&self, profile: Option<&str>) -> Result<ProfileAccount, Failure> {
        self.source.account(profile).map_err(|error| {
            let failure = source_failure(error);
            match profile {
                None => failure,
                Some(name) => Failure { message: format!("profile {name}: {}", failure.message), ..failure },
            }
        })
    }
}

/// Converts this machine's time into AWS's time, by which days and hours end.
pub(crate) fn aws_time(account: &ProfileAccount, here: Timestamp) -> Timestamp {
    Timestamp::from_second(here.as_second() - account.ahead).unwrap_or(here)
}

/// Converts an error of AWS into a failure with a hint.
pub(crate) fn source_failure(error: SourceError) -> Failure {
    let text = error.to_string();
    match error {
        SourceError::Credentials(_) => Failure::broken(text).hint(
            "sign in as for the aws CLI (aws configure, aws sso login), name a profile with --account, or collect \
             only public data: collector snapshot price",
        ),
        SourceError::Interrupted => Failure::new(FailureKind::Interrupted, text),
        SourceError::Sink(_) | SourceError::Failed(_) => Failure::broken(text),
    }
}
