//! The action that ends an instance.

use serde::{Deserialize, Serialize};

/// The action that ends an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndAction {
    /// Stop it; its disks remain and cost money.
    Stop,
    /// Hibernate it; its memory is kept on the root disk.
    Hibernate,
    /// Terminate it; nothing is left.
    Terminate,
}

impl EndAction {
    /// Returns the verb for messages: `stop`, `hibernate`, `terminate`.
    pub fn verb(self) -> &'static str {
        match self {
            EndAction::Stop => "stop",
            EndAction::Hibernate => "hibernate",
            EndAction::Terminate => "terminate",
        }
    }
}
