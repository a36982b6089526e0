//! The port to the caller's account.

use super::FleetError;
use domain::Timestamp;

/// The caller's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerAccount {
    /// The account number.
    pub account: String,
    /// The ARN of the caller, as used in the tag [`lifecycle::tag::OWNER`].
    pub arn: String,
    /// AWS's clock at the time of its answer: deadlines are never compared with this machine's
    /// clock.
    pub now: Timestamp,
}

impl CallerAccount {
    /// Returns the partition in the caller's ARN, such as `aws`.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

/// The regions of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountRegions {
    /// Codes of the regions that can be queried.
    pub enabled: Vec<String>,
    /// Codes of the regions that the account has not opted into.
    pub disabled: Vec<String>,
}

/// The account that the program's credentials belong to.
pub trait Account {
    /// Returns the caller's identity and AWS's time.
    ///
    /// # Errors
    /// The credentials do not work, or AWS did not answer.
    fn caller(&self) -> Result<CallerAccount, FleetError>;

    /// Returns the regions of the caller's account.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn regions(&self) -> Result<AccountRegions, FleetError>;

    /// Returns the caller and its regions; both requests may run at once.
    ///
    /// # Errors
    /// One of the requests failed. The failure of the first explains the other one.
    fn caller_and_regions(&self) -> Result<(CallerAccount, AccountRegions), FleetError> {
        Ok((self.caller()?, self.regions()?))
    }
}
