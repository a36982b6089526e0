use serde_json::Value;

use crate::core::{ApiError, ApiResult, policy_fault};

pub(crate) fn document(text: &str) -> ApiResult<Value> {
    let malformed = |why: &str| ApiError::new("MalformedPolicyDocument", why);
    let value: Value =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    match policy_fault(&value) {
        Some(why) => Err(malformed(why)),
        None => Ok(value),
    }
}

/// Returns a document percent-encoded, as in IAM's answers.
pub(crate) fn percent_encoded(document: &Value) -> String {
    form_urlencoded::byte_serialize(document.to_string().as_bytes()).collect::<String>().replace('+', "%20")
}
