//! The ways into instances in memory, for tests.

use super::FleetError;
use super::remote_access::{InstanceLogin, RemoteAccess, SessionManagerStatus};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Instance Connect and the Session Manager in memory.
#[derive(Debug, Default)]
pub struct MemoryAccess {
    /// The keys that were sent: instance, user and key.
    pub sent: RefCell<Vec<(String, String, String)>>,
    /// Why the next keys are refused; none if they are accepted.
    pub refusal: RefCell<Option<FleetError>>,
    /// The status of instances; the others are not registered.
    pub statuses: RefCell<BTreeMap<String, SessionManagerStatus>>,
}

impl RemoteAccess for MemoryAccess {
    fn send_public_key(&self, login: &InstanceLogin<'_>, public_key: &str) -> Result<(), FleetError> {
        if let Some(refusal) = self.refusal.borrow().clone() {
            return Err(refusal);
        }
        let sent = (login.instance.to_string(), login.user.to_string(), public_key.to_string());
        self.sent.borrow_mut().push(sent);
        Ok(())
    }

    fn session_manager_status(&self, _: &str, instance: &str) -> Result<SessionManagerStatus, FleetError> {
        let known = self.statuses.borrow().get(instance).cloned();
        Ok(known.unwrap_or(SessionManagerStatus::Unregistered))
    }
}
