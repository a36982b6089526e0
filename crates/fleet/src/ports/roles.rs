//! The port to IAM's roles and instance profiles, which all regions share.

use super::FleetError;

/// The parts of a role that are read. The instance profile of the same name is always read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleQuery<'a> {
    /// The name of the role and of the instance profile.
    pub name: &'a str,
    /// The policies; none if they are not needed.
    pub policies: Option<PoliciesQuery<'a>>,
}

/// The policies of a role that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoliciesQuery<'a> {
    /// The name of the inline policy to read.
    pub inline: &'a str,
    /// The policies are not read if the instance profile has the role with this id.
    pub unless_id: Option<&'a str>,
}

impl<'a> RoleQuery<'a> {
    /// Returns the query for a role with all its policies. `inline` names the inline policy.
    pub fn whole(name: &'a str, inline: &'a str) -> RoleQuery<'a> {
        RoleQuery { name, policies: Some(PoliciesQuery { inline, unless_id: None }) }
    }
}

/// A role and the instance profile of the same name, as far as each exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleView {
    /// Whether the role exists.
    pub exists: bool,
    /// The role's id, such as `AROA…`. A role that is deleted and created again has another one.
    pub id: Option<String>,
    /// The trust policy, as JSON.
    pub trust: Option<String>,
    /// The policies that grant permissions; none if they were not read.
    pub policies: Option<RolePolicies>,
    /// The roles in the instance profile; none if there is no such profile.
    pub profile: Option<Vec<String>>,
}

/// The policies that grant a role its permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolePolicies {
    /// The names of the inline policies.
    pub inline: Vec<String>,
    /// The inline policy that was requested by name, as JSON.
    pub document: Option<String>,
    /// The ARNs of the managed policies.
    pub attached: Vec<String>,
}

/// IAM's roles and instance profiles.
pub trait Roles {
    /// Returns the role and the instance profile of a name.
    ///
    /// # Errors
    /// AWS refused the request or did not answer.
    fn read_role(&self, query: RoleQuery<'_>) -> Result<RoleView, FleetError>;

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
