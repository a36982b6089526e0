//! The port to objects of S3, from which instances get spawnd by themselves.

use std::fmt::{self, Display, Formatter};

use super::FleetError;
use domain::SignedDuration;

/// The place of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketObject {
    /// The bucket's name.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

impl Display for BucketObject {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// An address with a signature, which needs no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAddress {
    /// The address.
    pub url: String,
    /// How long it can be used.
    pub life: SignedDuration,
    /// Whether `life` is certain. Temporary credentials of environment variables do not show when
    /// they end, and the address ends with them.
    pub is_end_known: bool,
}

/// Objects of S3 that hold spawnd.
pub trait DaemonObjects {
    /// Returns an address from which an object can be read for `longest`, or for a shorter time if
    /// the credentials that sign it end before. The object need not exist yet.
    fn sign_object(
        &self,
        object: &BucketObject,
        longest: SignedDuration,
    ) -> Result<SignedAddress, FleetError>;

    /// Writes an object, unless it exists. Then its length is read back, with the permission that
    /// signed addresses need too.
    fn put_object_once(&self, object: &BucketObject, bytes: &[u8]) -> Result<(), FleetError>;
}
