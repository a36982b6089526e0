//! The key pair, the security group and the role that a launch needs.
//!
//! [`plan`] compares a request with the resources that exist. Each resource is used as it is,
//! completed, or created. A resource of the same name that spawn did not create, or that differs
//! from spawn's, is never changed: the plan is refused, and the refusal names the difference.
//!
//! The plan is carried out step by step, and made anew from what AWS then shows, until no step is
//! left. So a success was read back, and a program that was killed continues at its next start. No
//! step deletes a resource that others use.

mod cleanup;
mod group;
mod key;
mod role;

pub use cleanup::{CleanupFacts, CleanupItem, CleanupPlan, CleanupResource, RULE_LIFE, plan_cleanup};
pub use group::{
    GroupPlan, GroupRequest, OPEN_GROUP, RulePlan, RuleRequest, SSH_GROUP, plan_rules, rule_description,
};
pub use key::{KeyPlan, KeyRequest, OwnKey, same_material};
pub use role::{POLICY_NAME, ROLE, RolePlan, RoleRequest, RoleStep, role_documents};

use crate::ports::{FleetError, ProvisionReadings};
use serde::{Deserialize, Serialize};

/// The resources that a launch asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionRequest {
    /// The region's code.
    pub region: String,
    /// The partition of the caller's ARN, such as `aws`.
    pub partition: String,
    /// The caller's account.
    pub account: String,
    /// The owner that is written to the tags of new resources.
    pub owner: String,
    /// The subnet of the instance; none for the default VPC.
    pub subnet: Option<String>,
    /// The key pair.
    pub key: KeyRequest,
    /// The security groups.
    pub groups: GroupRequest,
    /// The role.
    pub role: RoleRequest,
}

/// The way from the existing resources to the requested ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionPlan {
    /// The request.
    pub request: ProvisionRequest,
    /// The key pair.
    pub key: KeyPlan,
    /// The security groups.
    pub groups: GroupPlan,
    /// The role.
    pub role: RolePlan,
}

/// The reason why a request cannot be met, and the next step of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisionRefusal {
    /// The problem, as a lowercase fragment.
    pub problem: String,
    /// Lines that belong to the problem, such as differences.
    pub details: Vec<String>,
    /// The next step.
    pub hint: String,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProvisionError {
    /// The request does not fit the existing resources.
    Refused(ProvisionRefusal),
    /// A resource could not be read.
    Unread(FleetError),
}

impl From<ProvisionRefusal> for ProvisionError {
    fn from(refusal: ProvisionRefusal) -> ProvisionError {
        ProvisionError::Refused(refusal)
    }
}

/// A resource of a plan, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionStep {
    /// The kind of resource: `key pair`, `security group`, `rule`, `role`.
    pub resource: String,
    /// Its name.
    pub name: String,
    /// The action: `use`, `create`, `import`, `complete`, `add`, `remove` or `none`.
    pub action: String,
    /// What the action means, if it needs a word.
    pub note: Option<String>,
}

impl ProvisionStep {
    pub(crate) fn new(resource: &str, name: &str, action: &str, note: Option<String>) -> ProvisionStep {
        ProvisionStep { resource: resource.into(), name: name.into(), action: action.into(), note }
    }
}

/// The existing resources with which an instance is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// The name of the key pair.
    pub key: Option<String>,
    /// The ids of the security groups; empty for the default group of the VPC.
    pub groups: Vec<String>,
    /// The name of the instance profile.
    pub profile: Option<String>,
}

/// Compares a request with the existing resources.
///
/// # Errors
/// The request does not fit them, or they could not be read.
pub fn plan(
    request: &ProvisionRequest,
    readings: &ProvisionReadings,
) -> Result<ProvisionPlan, ProvisionError> {
    let unread = |error: &FleetError| ProvisionError::Unread(error.clone());
    let key = match &request.key {
        KeyRequest::Missing { path } => KeyPlan::Make { path: path.clone() },
        wanted => key::plan(wanted, readings.keys.as_ref().map_err(unread)?, &request.region)?,
    };
    Ok(ProvisionPlan {
        key,
        groups: group::plan(request, readings)?,
        role: role::plan(request, readings.role.as_ref())?,
        request: request.clone(),
    })
}

impl ProvisionPlan {
    /// Whether nothing has to be created or changed.
    pub fn is_settled(&self) -> bool {
        self.key.is_settled() && self.groups.is_settled() && self.role.is_settled()
    }

    /// Returns the resources that exist already.
    pub fn existing(&self) -> Provisioned {
        Provisioned {
            key: self.key.existing(),
            groups: self.groups.existing(),
            profile: self.role.existing(),
        }
    }

    /// Returns every resource with the action on it.
    pub fn steps(&self) -> Vec<ProvisionStep> {
        let mut steps = vec![self.key.step()];
        steps.extend(self.groups.steps());
        steps.push(self.role.step());
        steps
    }

    /// Returns sentences about what the plan lacks or leaves open, for a person.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.groups.notes(&self.request.groups);
        notes.extend(self.role.note());
        notes
    }
}
