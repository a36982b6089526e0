//! The port to this machine's public address.

use core::net::IpAddr;

/// The address under which AWS sees this machine.
pub trait CallerAddress {
    /// Returns the public address of this machine, within three seconds.
    ///
    /// # Errors
    /// The address could not be found: the reason.
    fn public_address(&self) -> Result<IpAddr, String>;
}

/// A known address, or a reason for an unknown one, for tests.
pub struct FixedAddress(
    /// The answer.
    pub Result<IpAddr, String>,
);

impl CallerAddress for FixedAddress {
    fn public_address(&self) -> Result<IpAddr, String> {
        self.0.clone()
    }
}
