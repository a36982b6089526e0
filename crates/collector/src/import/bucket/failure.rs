//! Failures of a bucket.

use catalog::ports::SourceError;
use console::{Failure, FailureKind};

/// Converts an error of the bucket into a failure with a hint.
pub(super) fn bucket_failure(error: SourceError) -> Failure {
    let text = error.to_string();
    match error {
        SourceError::Credentials(_) => Failure::broken(text).hint(
            "sign in as for the aws CLI (aws configure, aws sso login), or name a profile with --account",
        ),
        SourceError::Interrupted => Failure::new(FailureKind::Interrupted, text),
        SourceError::Sink(_) | SourceError::Failed(_) => Failure::broken(text),
    }
}
