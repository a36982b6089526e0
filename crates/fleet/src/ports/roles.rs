//! The port to IAM's roles and instance profiles, which all regions share.

use super::FleetError;

/// A role and the instance profile of the same name, as far as each exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleView {
    /// Whether the role exists.
    pub exists: bool,
    /// The trust policy, as JSON.
    pub trust: Option<String>,
    /// The names of its inline policies.
    pub inline: Vec<String>,
    /// The inline policy that was requested by name, as JSON.
    pub policy: Option<String>,
    /// The ARNs of its managed policies.
    pub attached: Vec<String>,
    /// The roles in the instance profile; none if there is no such profile.
    pub profile: Option<Vec<String>>,
}

/// IAM's roles and instance profiles.
pub trait Roles {
    /// Returns the role and the instance profile of a name, with one of the role's inline policies.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn read_role(&self, name: &str, policy: &str) -> Result<RoleView, FleetError>;

    /// Creates a role. A success means only that AWS accepted it, as for the other changes.
    ///
    /// # Errors
    /// The name is taken, AWS refused the request or did not answer.
    fn create_role(&self, name: &str, trust: &str) -> Result<(), FleetError>;

    /// Writes an inline policy of a role.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn put_policy(&self, role: &str, policy: &str, document: &str) -> Result<(), FleetError>;

    /// Creates an instance profile.
    ///
    /// # Errors
    /// The name is taken, AWS refused the request or did not answer.
    fn create_profile(&self, name: &str) -> Result<(), FleetError>;

    /// Adds a role to the instance profile of the same name.
    ///
    /// # Errors
    /// The profile has a role, AWS refused the request or did not answer.
    fn fill_profile(&self, name: &str) -> Result<(), FleetError>;

    /// Deletes the instance profile and the role of a name, with one inline policy of the role. A
    /// part that does not exist is left out.
    ///
    /// # Errors
    /// The role has other policies, AWS refused the request or did not answer.
    fn delete_role(&self, name: &str, policy: &str) -> Result<(), FleetError>;
}
