//! Explains a failed call in a fragment that a user can act on.

use std::error::Error;

use aws_sdk_ec2::config::http::HttpResponse;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use catalog::ports::{Gap, SourceError};

/// Returns the gap of a failed call. `action` is the call's IAM action, one of the collector's.
pub(crate) fn gap<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> Gap
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = match error {
        SdkError::ServiceError(answer) => answer.err().code().unwrap_or("unreadable-answer"),
        SdkError::TimeoutError(_) => "no-answer",
        SdkError::ResponseError(_) => "unreadable-answer",
        _ => "unreachable",
    };
    Gap::of_call(action, code, gap_of("collector", action, error))
}

/// Returns the failure and its remedy as a lowercase fragment. `<program> policy` must print the
/// needed policy.
pub(crate) fn gap_of<E>(program: &str, action: &str, error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let refused = answer.err();
            match refused.code() {
                Some(code) => refusal(program, action, code, refused.message().unwrap_or_default()),
                None => {
                    format!(
                        "{action}: the server answered with status {}, but not in AWS's format",
                        answer.raw().status().as_u16()
                    )
                }
            }
        }
        SdkError::TimeoutError(_) => format!("{action}: no answer in time"),
        SdkError::ResponseError(_) => format!("{action}: the answer cannot be parsed: {}", innermost(error)),
        _ => format!("{action}: AWS was not reached: {}", innermost(error)),
    }
}

fn refusal(program: &str, action: &str, code: &str, words: &str) -> String {
    match code {
        // Cost Explorer has no code of its own for an account that never opened it.
        "AccessDeniedException" if words.contains("not enabled for cost explorer") => format!(
            "{action}: Cost Explorer is not enabled in the account: open it once in the Billing console, and try again a day later"
        ),
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" if is_beyond_policy(words) => {
            // AWS appends a message that only an administrator can decode.
            let words = words.split(" Encoded authorization failure").next().unwrap_or(words);
            format!("{action} is not allowed, and another policy cannot allow it: {}", trimmed(words))
        }
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            format!(
                "{action} is not allowed: add it to the policy ({program} policy prints one that is enough)"
            )
        }
        "OptInRequired" => format!("{action}: the account has not opted into the region"),
        "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" => {
            format!("{action}: AWS still throttled it after all attempts")
        }
        _ => {
            let words = trimmed(words);
            if words.is_empty() { format!("{action}: {code}") } else { format!("{action}: {code}: {words}") }
        }
    }
}

fn trimmed(words: &str) -> &str {
    words.trim().trim_end_matches('.')
}

/// Whether AWS names a reason for its refusal that a policy of the caller cannot change: an
/// explicit deny, or a policy of the organization, of a boundary, of a session, of an endpoint or
/// of the resource.
fn is_beyond_policy(words: &str) -> bool {
    let reasons =
        ["explicit deny", "control policy", "permissions boundary", "session policy", "endpoint policy"];
    reasons.into_iter().chain(["resource-based policy"]).any(|reason| words.contains(reason))
}

/// Returns a credentials error if a call failed because it could not be signed. The SDK reports
/// that in its error text only.
pub(crate) fn unsigned(error: &(dyn Error + 'static)) -> Option<SourceError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("credential") {
            let reason = innermost(error);
            // A profile was named, and there is no file with profiles.
            return Some(SourceError::Credentials(match reason.contains("was not enabled") {
                true => "no AWS credentials were found: ~/.aws has no profile of this name".to_string(),
                false => format!(
                    "no AWS credentials were found; the last provider reported: {}",
                    reason.trim_end_matches('.')
                ),
            }));
        }
        next = error.source();
    }
    None
}

/// Returns the text of the innermost cause.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explains_refusals_of_aws() {
        let check = |code: &str, words: &str, expected: &str| {
            assert_eq!(refusal("collector", "ec2:DescribeVolumes", code, words), expected);
        };
        check(
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. Encoded …",
            "ec2:DescribeVolumes is not allowed: add it to the policy (collector policy prints one that is enough)",
        );
        check(
            "AuthFailure",
            "AWS was not able to validate.",
            "ec2:DescribeVolumes: AuthFailure: AWS was not able to validate",
        );
        check(
            "AccessDeniedException",
            "User not enabled for cost explorer access",
            "ec2:DescribeVolumes: Cost Explorer is not enabled in the account: open it once in the Billing console, and try again a day later",
        );
        check(
            "UnauthorizedOperation",
            "You are not authorized to perform this operation. User: u is not authorized to perform: \
             ec2:RunInstances on resource: r with an explicit deny in a service control policy. \
             Encoded authorization failure message: AAAA",
            "ec2:DescribeVolumes is not allowed, and another policy cannot allow it: You are not authorized to \
             perform this operation. User: u is not authorized to perform: ec2:RunInstances on resource: r with \
             an explicit deny in a service control policy",
        );
        check(
            "AccessDenied",
            "no permissions boundary allows the s3:GetObject action.",
            "ec2:DescribeVolumes is not allowed, and another policy cannot allow it: no permissions boundary \
             allows the s3:GetObject action",
        );
        check(
            "TagPolicyViolation",
            "The tag policy does not allow the specified value for the following tag key: 'Team'.",
            "ec2:DescribeVolumes: TagPolicyViolation: The tag policy does not allow the specified value for the \
             following tag key: 'Team'",
        );
        check("RequestLimitExceeded", "", "ec2:DescribeVolumes: AWS still throttled it after all attempts");
        check("InternalError", "", "ec2:DescribeVolumes: InternalError");
    }
}
