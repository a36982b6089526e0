use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::instance::ResourceTags;
use super::managed::{MANAGED, ManagedPolicy, document_of};
use super::policy::{IamDecision, PolicyContext, decide, policy_fault};
use super::sts::named_principals;
use super::world::RegionView;
use super::{ApiError, ApiResult};
use crate::wire::{QueryParamPart, XmlContent, XmlFields, XmlMembers};

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
    users: BTreeMap<String, Vec<Value>>,
    pub(super) roles: BTreeMap<String, IamRole>,
    profiles: BTreeMap<String, InstanceProfile>,
    /// Managed policies of the account, by ARN.
    pub(crate) policies: BTreeMap<String, ManagedPolicy>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct IamRole {
    id: String,
    path: String,
    pub(super) trust: Value,
    inline: BTreeMap<String, Value>,
    /// ARNs of attached managed policies.
    attached: BTreeSet<String>,
    /// The longest session, in seconds.
    pub(super) longest: i64,
    description: Option<String>,
    created: Timestamp,
}

/// An instance profile. The time in `role` is when the role was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct InstanceProfile {
    id: String,
    path: String,
    created: Timestamp,
    role: Option<(String, Timestamp)>,
}

/// Returns the condition keys for the tags of a request.
pub(crate) fn request_tags(tags: &ResourceTags) -> Vec<(String, Vec<String>)> {
    let mut context: Vec<(String, Vec<String>)> =
        tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()])).collect();
    context.push(("aws:TagKeys".to_string(), tags.keys().cloned().collect()));
    context
}

impl IamDirectory {
    /// Adds a user. Without policies the user may do everything.
    pub(crate) fn add_user(&mut self, name: &str, policies: &[Value]) {
        let all = json!({ "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let policies = if policies.is_empty() { vec![all] } else { policies.to_vec() };
        self.users.insert(name.to_string(), policies);
    }

    fn documents(&self, principal: &Principal) -> Vec<Value> {
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

impl RegionView<'_> {
    /// Fails unless the caller's policies allow the action on the resource. `tags` are the
    /// resource's tags; `more` adds condition keys.
    pub(crate) fn allow(
        &mut self,
        action: &str,
        resource: &str,
        tags: &ResourceTags,
        more: &[(String, Vec<String>)],
    ) -> ApiResult<()> {
        if matches!(self.caller, Principal::Service { .. }) {
            return Ok(());
        }
        let mut context = PolicyContext::new();
        let mut put = |key: &str, values: Vec<String>| context.insert(key.to_ascii_lowercase(), values);
        for (key, value) in tags {
            put(&format!("aws:ResourceTag/{key}"), vec![value.clone()]);
            put(&format!("ec2:ResourceTag/{key}"), vec![value.clone()]);
        }
        put("aws:ARN", vec![resource.to_string()]);
        put("aws:RequestedRegion", vec![self.region.to_string()]);
        put("ec2:Region", vec![self.region.to_string()]);
        put("aws:PrincipalArn", vec![self.caller.arn()]);
        put("aws:PrincipalAccount", vec![self.account.to_string()]);
        put("aws:CurrentTime", vec![self.now.to_string()]);
        put("aws:SourceIp", vec!["127.0.0.1".to_string()]);
        put("aws:SecureTransport", vec!["false".to_string()]);
        if let Some(id) = resource.rsplit_once(":instance/").map(|(_, id)| id) {
            put("ec2:InstanceID", vec![id.to_string()]);
        }
        match &self.caller {
            Principal::User { name, .. } => drop(put("aws:username", vec![name.clone()])),
            Principal::Role { source: Some(source), .. } => {
                put("ec2:SourceInstanceARN", vec![source.clone()]);
                put("aws:ec2InstanceSourceVpc", vec![self.here.network.vpc.clone()]);
            }
            _ => {}
        }
        for (key, values) in more {
            put(key, values.clone());
        }
        let because = match decide(&self.iam.documents(&self.caller), action, resource, &context) {
            IamDecision::Allow => return Ok(()),
            IamDecision::Deny => "with an explicit deny in an identity-based policy".to_string(),
            IamDecision::Silent => format!("because no identity-based policy allows the {action} action"),
        };
        let sentence = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource} {because}",
            self.caller.arn()
        );
        // EC2 reports a denied iam:PassRole with its own code.
        Err(if action.starts_with("ec2:") || action == "iam:PassRole" {
            ApiError::new(
                "UnauthorizedOperation",
                format!("You are not authorized to perform this operation. {sentence}"),
            )
        } else {
            ApiError::new("AccessDenied", sentence)
        })
    }

    /// Fails unless the caller may use an action that has no resource.
    pub(crate) fn allow_any(&mut self, action: &str) -> ApiResult<()> {
        self.allow(action, "*", &ResourceTags::new(), &[])
    }

    /// Answers a call of IAM.
    pub(crate) fn iam_call(&mut self, action: &str, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        if !IAM_CALLS.contains(&action) && !MANAGED.contains(&action) {
            return Err(super::services::unknown_action(action));
        }
        self.allow_any(&format!("iam:{action}"))?;
        let role_name = params.text("RoleName").unwrap_or_default().to_string();
        let profile_name = params.text("InstanceProfileName").unwrap_or_default().to_string();
        let path = params.text("Path").unwrap_or("/").to_string();
        let no_role =
            || ApiError::new("NoSuchEntity", format!("The role with name {role_name} cannot be found."));
        let no_profile =
            || ApiError::new("NoSuchEntity", format!("Instance Profile {profile_name} cannot be found."));
        if action == "ListAttachedRolePolicies" && !self.iam.roles.contains_key(&role_name) {
            return Err(no_role());
        }
        if !action.starts_with("Create") && !action.starts_with("List") {
            if action.contains("Role")
                && !action.contains("InstanceProfile")
                && !self.iam.roles.contains_key(&role_name)
            {
                return Err(no_role());
            }
            if action.contains("InstanceProfile") && !self.iam.profiles.contains_key(&profile_name) {
                return Err(no_profile());
            }
        }
        if MANAGED.contains(&action) {
            return self.managed_call(action, &role_name, params);
        }
        let empty: XmlContent = XmlFields::new().into();
        match action {
            "CreateRole" => {
                let trust = document(params.need("AssumeRolePolicyDocument")?)?;
                let description = params.text("Description").map(String::from);
                let longest = params.number("MaxSessionDuration")?.unwrap_or(3600);
                if !(3600..=43_200).contains(&longest) {
                    return Err(ApiError::new(
                        "ValidationError",
                        "MaxSessionDuration must have a value between 3600 and 43200",
                    ));
                }
                params.params().check_all_read()?;
                if self.iam.roles.contains_key(&role_name) {
                    return Err(ApiError::new(
                        "EntityAlreadyExists",
                        format!("Role with name {role_name} already exists."),
                    ));
                }
                let role = IamRole {
                    id: format!("AROA0SANDBOX{}", self.ids.letters(8)),
                    path,
                    trust,
                    inline: BTreeMap::new(),
                    attached: BTreeSet::new(),
                    longest,
                    description,
                    created: self.now,
                };
                self.iam.roles.insert(role_name.clone(), role);
                Ok(XmlFields::new().put("Role", self.role_node(&role_name)).into())
            }
            "GetRole" => {
                let held = &self.iam.roles[&role_name];
                let role = self
                    .role_node(&role_name)
                    .opt("Description", held.description.as_ref())
                    .put("MaxSessionDuration", held.longest)
                    .put("RoleLastUsed", XmlFields::new());
                self.read_only(params, XmlFields::new().put("Role", role))
            }
            "ListRoles" => {
                let under = params.text("PathPrefix").unwrap_or("/");
                let roles = self.iam.roles.iter().filter(|(_, role)| role.path.starts_with(under));
                let names: Vec<String> = roles.map(|(name, _)| name.clone()).collect();
                let nodes: Vec<XmlFields> = names.iter().map(|name| self.role_node(name)).collect();
                self.read_only(
                    params,
                    XmlFields::new().put("Roles", XmlMembers(nodes)).put("IsTruncated", false),
                )
            }
            "DeleteRole" => {
                params.params().check_all_read()?;
                let held = self
                    .iam
                    .profiles
                    .values()
                    .any(|profile| profile.role.as_ref().is_some_and(|(role, _)| *role == role_name));
                let role = &self.iam.roles[&role_name];
                if held || !role.inline.is_empty() || !role.attached.is_empty() {
                    return Err(ApiError::new(
                        "DeleteConflict",
                        "Cannot delete entity, must remove roles from instance profile, or policies, first.",
                    ));
                }
                self.iam.roles.remove(&role_name);
                Ok(empty)
            }
            "PutRolePolicy" => {
                let name = params.need("PolicyName")?.to_string();
                let policy = document(params.need("PolicyDocument")?)?;
                params.params().check_all_read()?;
                self.iam.roles.get_mut(&role_name).expect("it was found").inline.insert(name, policy);
                Ok(empty)
            }
            "GetRolePolicy" => {
                let name = params.need("PolicyName")?;
                let policy = self.iam.roles[&role_name].inline.get(name);
                let policy = policy.ok_or_else(|| {
                    ApiError::new(
                        "NoSuchEntity",
                        format!("The role policy with name {name} cannot be found."),
                    )
                })?;
                let fields = XmlFields::new()
                    .put("RoleName", &role_name)
                    .put("PolicyName", name)
                    .put("PolicyDocument", percent_encoded(policy));
                self.read_only(params, fields)
            }
            "ListRolePolicies" => {
                let role = self.iam.roles.get(&role_name).ok_or_else(no_role)?;
                let names = XmlMembers(role.inline.keys().collect());
                self.read_only(params, XmlFields::new().put("PolicyNames", names).put("IsTruncated", false))
            }
            "DeleteRolePolicy" => {
                let name = params.need("PolicyName")?;
                params.params().check_all_read()?;
                let removed = self.iam.roles.get_mut(&role_name).and_then(|role| role.inline.remove(name));
                removed.map(|_| empty).ok_or_else(|| {
                    ApiError::new(
                        "NoSuchEntity",
                        format!("The role policy with name {name} cannot be found."),
                    )
                })
            }
            "CreateInstanceProfile" => {
                params.params().check_all_read()?;
                if self.iam.profiles.contains_key(&profile_name) {
                    return Err(ApiError::new(
                        "EntityAlreadyExists",
                        format!("Instance Profile {profile_name} already exists."),
                    ));
                }
                let profile = InstanceProfile {
                    id: format!("AIPA0SANDBOX{}", self.ids.letters(8)),
                    path,
                    created: self.now,
                    role: None,
                };
                self.iam.profiles.insert(profile_name.clone(), profile);
                Ok(XmlFields::new().put("InstanceProfile", self.profile_node(&profile_name)).into())
            }
            "GetInstanceProfile" => self
                .read_only(params, XmlFields::new().put("InstanceProfile", self.profile_node(&profile_name))),
            "DeleteInstanceProfile" => {
                params.params().check_all_read()?;
                if self.iam.profiles[&profile_name].role.is_some() {
                    return Err(ApiError::new(
                        "DeleteConflict",
                        "Cannot delete entity, must remove roles from instance profile first.",
                    ));
                }
                self.iam.profiles.remove(&profile_name);
                Ok(empty)
            }
            "AddRoleToInstanceProfile" => {
                params.params().check_all_read()?;
                if !self.iam.roles.contains_key(&role_name) {
                    return Err(no_role());
                }
                let now = self.now;
                let profile = self.iam.profiles.get_mut(&profile_name).expect("it was found");
                if profile.role.is_some() {
                    return Err(ApiError::new(
                        "LimitExceeded",
                        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
                    ));
                }
                profile.role = Some((role_name, now));
                Ok(empty)
            }
            "RemoveRoleFromInstanceProfile" => {
                params.params().check_all_read()?;
                self.iam.profiles.get_mut(&profile_name).expect("it was found").role = None;
                Ok(empty)
            }
            _ => Err(super::services::unknown_action(action)),
        }
    }

    fn read_only(&self, params: &QueryParamPart<'_>, fields: XmlFields) -> ApiResult<XmlContent> {
        params.params().check_all_read()?;
        Ok(fields.into())
    }

    fn role_node(&self, name: &str) -> XmlFields {
        let role = &self.iam.roles[name];
        XmlFields::new()
            .put("Path", &role.path)
            .put("RoleName", name)
            .put("RoleId", &role.id)
            .put("Arn", self.iam.role_arn(self.account, self.partition(), name))
            .put("CreateDate", role.created)
            .put("AssumeRolePolicyDocument", percent_encoded(&role.trust))
    }

    fn profile_node(&self, name: &str) -> XmlFields {
        let profile = &self.iam.profiles[name];
        let role = profile.role.iter().map(|(role, _)| self.role_node(role)).collect();
        XmlFields::new()
            .put("Path", &profile.path)
            .put("InstanceProfileName", name)
            .put("InstanceProfileId", &profile.id)
            .put("Arn", self.iam.profile_arn(self.account, self.partition(), name))
            .put("CreateDate", profile.created)
            .put("Roles", XmlMembers(role))
    }
}

const IAM_CALLS: [&str; 13] = [
    "CreateRole",
    "GetRole",
    "ListRoles",
    "DeleteRole",
    "PutRolePolicy",
    "GetRolePolicy",
    "ListRolePolicies",
    "DeleteRolePolicy",
    "CreateInstanceProfile",
    "GetInstanceProfile",
    "DeleteInstanceProfile",
    "AddRoleToInstanceProfile",
    "RemoveRoleFromInstanceProfile",
];

pub(super) fn statements(document: &Value) -> Vec<&Value> {
    match &document["Statement"] {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    }
}

pub(crate) fn document(text: &str) -> ApiResult<Value> {
    let malformed = |why: &str| ApiError::new("MalformedPolicyDocument", why);
    let value: Value =
        serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    match policy_fault(&value) {
        Some(why) => Err(malformed(why)),
        None => Ok(value),
    }
}

/// Returns a document percent-encoded, as in IAM's answers.
pub(crate) fn percent_encoded(document: &Value) -> String {
    form_urlencoded::byte_serialize(document.to_string().as_bytes()).collect::<String>().replace('+', "%20")
}
