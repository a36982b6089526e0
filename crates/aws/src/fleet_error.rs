//! Converts the errors of spawn's calls.

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use fleet::ports::FleetError;

use crate::gap::gap_of;

/// Returns the failure of a call and its remedy as a lowercase fragment.
pub(crate) fn gap<E>(action: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    gap_of("spawn", action, error)
}

/// Returns the conversion of a failed call's error. `action` is the call's IAM action.
pub(crate) fn failed<E>(action: &str) -> impl Fn(SdkError<E, HttpResponse>) -> FleetError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| {
        let why = gap(action, &error);
        match &error {
            SdkError::ServiceError(answer) if !answer.raw().status().is_server_error() => {
                let code = answer.err().code().unwrap_or_default().to_string();
                FleetError::Refused { code, why }
            }
            _ => FleetError::Failed(why),
        }
    }
}
