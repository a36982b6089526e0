//! The port to the account's quotas.

use super::FleetError;

/// The quotas of the caller's account.
pub trait Quotas {
    /// Returns the value of an EC2 quota, such as the vCPUs that may run at once.
    ///
    /// # Errors
    /// AWS refused the request or did not answer, or there is no such quota.
    fn read_quota(&self, region: &str, code: &str) -> Result<f64, FleetError>;
}
