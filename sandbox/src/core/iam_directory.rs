//! Users, roles, instance profiles and managed policies of an account.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::instance::ResourceTags;
use super::policy::statements;

/// The caller of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Principal {
    User {
        account: String,
        name: String,
    },
    /// A session of a role; `source` is the ARN of the instance that has the role.
    Role {
        account: String,
        role: String,
        session: String,
        source: Option<String>,
    },
    /// The sandbox itself, which has every permission.
    Service {
        account: String,
    },
}

impl Principal {
    pub(crate) fn account(&self) -> &str {
        match self {
            Principal::User { account, .. }
            | Principal::Role { account, .. }
            | Principal::Service { account } => account,
        }
    }

    pub(crate) fn arn(&self) -> String {
        match self {
            Principal::User { account, name } => format!("arn:aws:iam::{account}:user/{name}"),
            Principal::Role { account, role, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
            Principal::Service { account } => format!("arn:aws:iam::{account}:root"),
        }
    }
}

/// Users, roles and instance profiles of an account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct IamDirectory {
    pub(crate) users: BTreeMap<String, Vec<Value>>,
    pub(crate) roles: BTreeMap<String, IamRole>,
    pub(crate) profiles: BTreeMap<String, InstanceProfile>,
    /// Managed policies of the account, by ARN.
    pub(crate) policies: BTreeMap<String, ManagedPolicy>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IamRole {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) trust: Value,
    pub(crate) inline: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    pub(crate) attached: BTreeSet<String>,
    /// The longest session, in seconds.
    pub(crate) longest: i64,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    #[serde(default)]
    pub(crate) tags: ResourceTags,
}

/// An instance profile. The time in `role` is when the role was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) created: Timestamp,
    pub(crate) role: Option<(String, Timestamp)>,
    #[serde(default)]
    pub(crate) tags: ResourceTags,
}

/// A managed policy of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) description: String,
    pub(crate) document: Value,
    pub(crate) created: Timestamp,
}

impl IamDirectory {
    /// Adds a user. Without policies the user may do everything.
    pub(crate) fn add_user(&mut self, name: &str, policies: &[Value]) {
        let all = json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let policies = if policies.is_empty() { vec![all] } else { policies.to_vec() };
        self.users.insert(name.to_string(), policies);
    }

    pub(crate) fn documents(&self, principal: &Principal) -> Vec<Value> {
        match principal {
            Principal::User { name, .. } => self.users.get(name).cloned().unwrap_or_default(),
            Principal::Role { role, .. } => {
                let Some(role) = self.roles.get(role) else { return Vec::new() };
                let attached = role.attached.iter().filter_map(|arn| document_of(&self.policies, arn));
                role.inline.values().cloned().chain(attached).collect()
            }
            Principal::Service { .. } => Vec::new(),
        }
    }

    /// Returns the ARNs of a role's managed policies.
    pub(crate) fn attached(&self, role: &str) -> Vec<String> {
        self.roles.get(role).map(|role| role.attached.iter().cloned().collect()).unwrap_or_default()
    }

    /// Returns how many roles have a managed policy.
    pub(crate) fn attachments(&self, arn: &str) -> usize {
        self.roles.values().filter(|role| role.attached.contains(arn)).count()
    }

    pub(crate) fn attach(&mut self, role: &str, arn: &str) {
        if let Some(role) = self.roles.get_mut(role) {
            role.attached.insert(arn.to_string());
        }
    }

    /// Detaches a managed policy. Returns whether it was attached.
    pub(crate) fn detach(&mut self, role: &str, arn: &str) -> bool {
        self.roles.get_mut(role).is_some_and(|role| role.attached.remove(arn))
    }

    /// Returns whether the role's trust policy lets a service assume it.
    pub(crate) fn trusts(&self, role: &str, service: &str) -> bool {
        self.roles.get(role).is_some_and(|role| {
            statements(&role.trust).iter().any(|one| {
                one["Effect"] == "Allow" && named_principals(&one["Principal"], "Service").contains(&service)
            })
        })
    }

    /// Returns the role in a profile.
    pub(crate) fn role_of(&self, profile: &str) -> Option<String> {
        self.profiles.get(profile)?.role.as_ref().map(|(role, _)| role.clone())
    }

    /// Returns whether EC2 knows the profile: it and its role are at least as old as `settled`.
    pub(crate) fn profile_is_ready(&self, name: &str, settled: Timestamp) -> bool {
        let Some(profile) = self.profiles.get(name) else { return false };
        profile.created <= settled && profile.role.as_ref().is_some_and(|(_, since)| *since <= settled)
    }

    pub(crate) fn profile_arn(&self, account: &str, partition: &str, name: &str) -> String {
        let path = self.profiles.get(name).map_or("/", |profile| &profile.path);
        format!("arn:{partition}:iam::{account}:instance-profile{path}{name}")
    }

    pub(crate) fn profile_id(&self, name: &str) -> String {
        self.profiles.get(name).map(|profile| profile.id.clone()).unwrap_or_default()
    }

    pub(crate) fn role_arn(&self, account: &str, partition: &str, name: &str) -> String {
        let path = self.roles.get(name).map_or("/", |role| &role.path);
        format!("arn:{partition}:iam::{account}:role{path}{name}")
    }
}

/// Returns the principals of one kind that a statement names. A plain string counts for every kind.
pub(crate) fn named_principals<'v>(principal: &'v Value, kind: &str) -> Vec<&'v str> {
    match (principal, &principal[kind]) {
        (Value::String(any), _) => vec![any],
        (_, Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        (_, one) => one.as_str().into_iter().collect(),
    }
}

/// AWS's policies that are often attached to instance roles, reduced to a few actions.
pub(crate) const AWS_POLICIES: [(&str, &[&str]); 3] = [
    ("AdministratorAccess", &["*"]),
    (
        "AmazonEC2ReadOnlyAccess",
        &["ec2:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "cloudwatch:Describe*"],
    ),
    (
        "AmazonSSMManagedInstanceCore",
        &[
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:*",
            "ec2messages:*",
        ],
    ),
];

fn aws_policy(name: &str) -> Option<Value> {
    let (_, actions) = AWS_POLICIES.iter().find(|(known, _)| *known == name)?;
    Some(
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }] }),
    )
}

/// Returns the document of an ARN: the account's own, or AWS's.
pub(crate) fn document_of(own: &BTreeMap<String, ManagedPolicy>, arn: &str) -> Option<Value> {
    match arn.split_once(":iam::aws:policy/") {
        Some((_, name)) => aws_policy(name.rsplit('/').next().unwrap_or(name)),
        None => own.get(arn).map(|policy| policy.document.clone()),
    }
}
