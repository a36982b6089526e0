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

/// Whether an error code means that nothing was done. After a server error (5xx) the request may
/// have been executed. The exception is a lack of capacity, which EC2 also returns as one.
fn is_refusal(code: &str, is_server_error: bool) -> bool {
    !is_server_error || code.starts_with("Insufficient")
}

/// Returns the conversion of a failed call's error. `action` is the call's IAM action.
pub(crate) fn failed<E>(action: &str) -> impl Fn(SdkError<E, HttpResponse>) -> FleetError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    move |error| {
        let why = gap(action, &error);
        match &error {
            SdkError::ServiceError(answer) => {
                let code = answer.err().code().unwrap_or_default();
                match is_refusal(code, answer.raw().status().is_server_error()) {
                    true => FleetError::Refused { code: code.to_string(), why },
                    false => FleetError::Failed(why),
                }
            }
            _ => FleetError::Failed(why),
        }
    }
}
