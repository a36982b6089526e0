//! The port to the services that open a way into an instance: EC2 Instance Connect and the Session
//! Manager.

use super::FleetError;

/// A login on an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceLogin<'a> {
    /// The region's code.
    pub region: &'a str,
    /// The instance's id.
    pub instance: &'a str,
    /// The name of its availability zone, if it is known.
    pub zone: Option<&'a str>,
    /// The user of its operating system.
    pub user: &'a str,
}

/// The connection of an instance's agent to the Session Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionManagerStatus {
    /// The agent answers.
    Online,
    /// The agent was seen earlier: Systems Manager's word, such as `ConnectionLost`.
    Offline(String),
    /// No agent has registered: it is not installed, or the instance's role does not allow it.
    Unregistered,
}

/// The services that open a way into an instance.
pub trait RemoteAccess {
    /// Makes an instance accept a public key, in OpenSSH's format, for 60 seconds. A success means
    /// that AWS accepted it; the instance also needs the package of Instance Connect.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn send_public_key(&self, login: &InstanceLogin<'_>, public_key: &str) -> Result<(), FleetError>;

    /// Returns whether the Session Manager reaches an instance.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn session_manager_status(
        &self,
        region: &str,
        instance: &str,
    ) -> Result<SessionManagerStatus, FleetError>;
}
