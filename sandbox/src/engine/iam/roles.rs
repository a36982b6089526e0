use std::collections::{BTreeMap, BTreeSet};

use super::documents::{document, percent_encoded};
use super::managed_policies::MANAGED;
use crate::core::{ApiError, ApiResult, IamRole, InstanceProfile, RegionView, ResourceTags, request_tags};
use crate::engine::ec2::read_tags;
use crate::engine::requests::unknown_action;
use crate::wire::{QueryParamPart, XmlContent, XmlFields, XmlMembers};

impl RegionView<'_> {
    /// Answers a call of IAM.
    pub(crate) fn iam_call(&mut self, action: &str, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        if !IAM_CALLS.contains(&action) && !MANAGED.contains(&action) {
            return Err(unknown_action(action));
        }
        let role_name = params.text("RoleName").unwrap_or_default().to_string();
        let profile_name = params.text("InstanceProfileName").unwrap_or_default().to_string();
        let path = params.text("Path").unwrap_or("/").to_string();
        let resource = self.iam_resource(action, &role_name, &profile_name, &path);
        self.allow(&format!("iam:{action}"), &resource, &ResourceTags::new(), &[])?;
        let no_role =
            || ApiError::new("NoSuchEntity", format!("The role with name {role_name} cannot be found."));
        let no_profile =
            || ApiError::new("NoSuchEntity", format!("Instance Profile {profile_name} cannot be found."));
        if LISTS_OF_A_ROLE.contains(&action) && !self.iam.roles.contains_key(&role_name) {
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
                let tags = self.read_iam_tags(params, "iam:TagRole", &resource)?;
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
                    tags,
                };
                self.iam.roles.insert(role_name.clone(), role);
                let shown = with_tags(self.role_node(&role_name), &self.iam.roles[&role_name].tags);
                Ok(XmlFields::new().put("Role", shown).into())
            }
            "GetRole" => {
                let held = &self.iam.roles[&role_name];
                let role = self
                    .role_node(&role_name)
                    .opt("Description", held.description.as_ref())
                    .put("MaxSessionDuration", held.longest)
                    .put("RoleLastUsed", XmlFields::new());
                let role = with_tags(role, &held.tags);
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
                let names = XmlMembers(self.iam.roles[&role_name].inline.keys().collect());
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
            "UpdateAssumeRolePolicy" => {
                let trust = document(params.need("PolicyDocument")?)?;
                params.params().check_all_read()?;
                self.iam.roles.get_mut(&role_name).expect("it was found").trust = trust;
                Ok(empty)
            }
            "CreateInstanceProfile" => {
                let tags = self.read_iam_tags(params, "iam:TagInstanceProfile", &resource)?;
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
                    tags,
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
                let role = self.iam.role_arn(self.account, self.partition(), &role_name);
                // EC2 reports a refusal with a code of its own.
                self.may_pass(&role).map_err(|error| ApiError::new("AccessDenied", error.message))?;
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
            "ListInstanceProfiles" => {
                let under = params.text("PathPrefix").unwrap_or("/");
                let all = self.iam.profiles.iter().filter(|(_, profile)| profile.path.starts_with(under));
                let nodes: Vec<XmlFields> = all.map(|(name, _)| self.profile_node(name)).collect();
                self.read_only(params, profile_list(nodes))
            }
            "ListInstanceProfilesForRole" => {
                let names = self.iam.profiles.keys();
                let all = names.filter(|name| self.iam.role_of(name).as_ref() == Some(&role_name));
                let nodes: Vec<XmlFields> = all.map(|name| self.profile_node(name)).collect();
                self.read_only(params, profile_list(nodes))
            }
            "TagRole" | "TagInstanceProfile" => {
                let tags = read_tags(&params.part("Tags"), "member")?;
                params.params().check_all_read()?;
                let held = match action {
                    "TagRole" => self.iam.roles.get_mut(&role_name).map(|role| &mut role.tags),
                    _ => self.iam.profiles.get_mut(&profile_name).map(|profile| &mut profile.tags),
                };
                held.into_iter().for_each(|held| held.extend(tags.clone()));
                Ok(empty)
            }
            "ListRoleTags" => {
                let tags = &self.iam.roles[&role_name].tags;
                let fields =
                    XmlFields::new().put("Tags", XmlMembers(tag_nodes(tags))).put("IsTruncated", false);
                self.read_only(params, fields)
            }
            _ => Err(unknown_action(action)),
        }
    }

    /// Returns the ARN of the role or the profile that a call names. Without one it is `*`.
    fn iam_resource(&self, action: &str, role: &str, profile: &str, path: &str) -> String {
        let (account, partition) = (self.account, self.partition());
        match (role, profile) {
            _ if action == "CreateRole" => format!("arn:{partition}:iam::{account}:role{path}{role}"),
            _ if action == "CreateInstanceProfile" => {
                format!("arn:{partition}:iam::{account}:instance-profile{path}{profile}")
            }
            ("", "") => "*".to_string(),
            (role, "") => self.iam.role_arn(account, partition, role),
            (_, profile) => self.iam.profile_arn(account, partition, profile),
        }
    }

    /// Reads the tags of a new role or profile. Tags need a permission of their own.
    fn read_iam_tags(
        &mut self,
        params: &QueryParamPart<'_>,
        action: &str,
        resource: &str,
    ) -> ApiResult<ResourceTags> {
        let tags = read_tags(&params.part("Tags"), "member")?;
        if !tags.is_empty() {
            self.allow(action, resource, &ResourceTags::new(), &request_tags(&tags))?;
        }
        Ok(tags)
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
        let fields = XmlFields::new()
            .put("Path", &profile.path)
            .put("InstanceProfileName", name)
            .put("InstanceProfileId", &profile.id)
            .put("Arn", self.iam.profile_arn(self.account, self.partition(), name))
            .put("CreateDate", profile.created)
            .put("Roles", XmlMembers(role));
        with_tags(fields, &profile.tags)
    }
}

/// Appends the tags, if there are any.
fn with_tags(fields: XmlFields, tags: &ResourceTags) -> XmlFields {
    if tags.is_empty() { fields } else { fields.put("Tags", XmlMembers(tag_nodes(tags))) }
}

fn tag_nodes(tags: &ResourceTags) -> Vec<XmlFields> {
    tags.iter().map(|(key, value)| XmlFields::new().put("Key", key).put("Value", value)).collect()
}

fn profile_list(profiles: Vec<XmlFields>) -> XmlFields {
    XmlFields::new().put("InstanceProfiles", XmlMembers(profiles)).put("IsTruncated", false)
}

/// Lists that fail for an unknown role.
const LISTS_OF_A_ROLE: [&str; 4] =
    ["ListAttachedRolePolicies", "ListInstanceProfilesForRole", "ListRolePolicies", "ListRoleTags"];

const IAM_CALLS: [&str; 19] = [
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
    "ListInstanceProfiles",
    "ListInstanceProfilesForRole",
    "ListRoleTags",
    "TagInstanceProfile",
    "TagRole",
    "UpdateAssumeRolePolicy",
];
