use serde::{Deserialize, Serialize};

/// A call as read from the wire, with its signature already checked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApiCall {
    pub(crate) access_key: String,
    pub(crate) service: String,
    pub(crate) region: String,
    pub(crate) action: String,
    /// A URL-encoded form or JSON, depending on the service.
    pub(crate) body: String,
    pub(crate) request: String,
}

/// Returns whether an action only reads, judged by its name.
pub(crate) fn is_read(action: &str) -> bool {
    ["Describe", "Get", "List", "Lookup"].iter().any(|begin| action.starts_with(begin))
}
