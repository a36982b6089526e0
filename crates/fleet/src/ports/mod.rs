//! The ports to AWS, one per noun. Each has a fake in memory and a decorator that fails on demand.

mod account;
mod faulty;
mod instances;
mod memory;

pub use account::{Account, CallerAccount};
pub use faulty::{ChangeFault, FaultyAccount, FaultyInstances, LaunchFault};
pub use instances::{InstanceSelector, Instances, RegionInstances};
pub use memory::MemoryFleet;

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
