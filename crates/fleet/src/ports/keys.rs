//! The port to EC2's key pairs.

use super::FleetError;
use std::collections::BTreeMap;

/// A key pair of a region, as EC2 describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPairView {
    /// Its name.
    pub name: String,
    /// The fingerprint in EC2's spelling, which depends on the kind of key and its origin.
    pub fingerprint: String,
    /// The kind of key, such as `ed25519`.
    pub kind: String,
    /// The public key in OpenSSH's format, possibly with a comment.
    pub public_key: Option<String>,
    /// All tags.
    pub tags: BTreeMap<String, String>,
}

/// EC2's key pairs.
pub trait Keys {
    /// Returns all key pairs of a region with their public keys.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn list_keys(&self, region: &str) -> Result<Vec<KeyPairView>, FleetError>;

    /// Imports a public key in OpenSSH's format. A success means only that AWS accepted it.
    ///
    /// # Errors
    /// The name is taken, AWS refused the request or did not answer.
    fn import_key(
        &self,
        region: &str,
        name: &str,
        public_key: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), FleetError>;

    /// Deletes a key pair. Instances that were launched with it keep the public key.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn delete_key(&self, region: &str, name: &str) -> Result<(), FleetError>;
}
