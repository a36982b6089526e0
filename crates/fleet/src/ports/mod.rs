//! The ports to AWS, one per noun. Each has a fake in memory and a decorator that fails on demand.

mod account;
mod caller_address;
mod daemon_objects;
mod faulty;
mod groups;
mod images;
mod instances;
mod keys;
mod memory;
mod memory_access;
mod memory_provisions;
mod provisioning;
mod quotas;
mod remote_access;
mod roles;

pub use account::{Account, AccountRegions, CallerAccount};
pub use caller_address::{CallerAddress, FixedAddress};
pub use daemon_objects::{BucketObject, DaemonObjects, SignedAddress};
pub use faulty::{ChangeFault, FaultyAccount, FaultyInstances, LaunchFault};
pub use groups::{GroupRule, GroupRuleAge, GroupSelector, GroupView, Groups, RULE_ADDED_TAG, SubnetView};
pub use images::{FoundImage, Images};
pub use instances::{InstanceSelector, Instances, RegionInstances};
pub use keys::{KeyPairView, Keys};
pub use memory::MemoryFleet;
pub use memory_access::MemoryAccess;
pub use memory_provisions::{MemoryProvisions, ProvisionFault};
pub use provisioning::{ProvisionQuery, ProvisionReadings, Provisioning, RegionGroups, RegionProvisions};
pub use quotas::Quotas;
pub use remote_access::{InstanceLogin, RemoteAccess, SessionManagerStatus};
pub use roles::{PoliciesQuery, RolePolicies, RoleQuery, RoleView, Roles};

/// Why a request to AWS failed; each text is a lowercase fragment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// The credentials are missing or do not work.
    #[error("{0}")]
    Credentials(String),
    /// AWS refused the request.
    #[error("{why}")]
    Refused {
        /// AWS's error code, such as `IncorrectInstanceState`.
        code: String,
        /// The action, the code and AWS's sentence.
        why: String,
    },
    /// Any other failure.
    #[error("{0}")]
    Failed(String),
}

impl FleetError {
    /// Whether AWS refused the request with this code.
    pub fn has_code(&self, wanted: &str) -> bool {
        matches!(self, FleetError::Refused { code, .. } if code == wanted)
    }

    /// Whether the caller lacks a permission.
    pub fn is_denied(&self) -> bool {
        ["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"]
            .iter()
            .any(|code| self.has_code(code))
    }
}
