//! The port to the caller's account.

use super::FleetError;
use domain::Timestamp;

/// The caller's identity and its regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerAccount {
    /// The account number.
    pub account: String,
    /// The ARN of the caller, as used in the tag [`lifecycle::tag::OWNER`].
    pub arn: String,
    /// Codes of the regions that can be queried.
    pub regions: Vec<String>,
    /// Codes of the regions that the account has not opted into.
    pub disabled: Vec<String>,
    /// AWS's clock at the time of its answer: deadlines are never compared with this machine's
    /// clock.
    pub now: Timestamp,
}

/// The account that the program's credentials belong to.
pub trait Account {
    /// Returns the caller's identity, its regions and AWS's time.
    ///
    /// # Errors
    /// The credentials do not work, or AWS did not answer.
    fn caller(&self) -> Result<CallerAccount, FleetError>;
}
