//! IAM's managed policies: named documents that are attached to roles.

use super::documents::{document, percent_encoded};
use crate::core::{AWS_POLICIES, ApiError, ApiResult, ManagedPolicy, RegionView, document_of};
use crate::wire::{QueryParamPart, XmlContent, XmlFields, XmlMembers};

fn unknown_policy(arn: &str) -> ApiError {
    ApiError::new("NoSuchEntity", format!("Policy {arn} does not exist or is not attachable."))
}

pub(crate) const MANAGED: [&str; 8] = [
    "AttachRolePolicy",
    "CreatePolicy",
    "DeletePolicy",
    "DetachRolePolicy",
    "GetPolicy",
    "GetPolicyVersion",
    "ListAttachedRolePolicies",
    "ListPolicies",
];

impl RegionView<'_> {
    /// Answers a call on managed policies. A role that the call names must exist.
    pub(crate) fn managed_call(
        &mut self,
        action: &str,
        role: &str,
        params: &QueryParamPart<'_>,
    ) -> ApiResult<XmlContent> {
        match action {
            "CreatePolicy" => self.create_policy(params),
            "ListPolicies" => self.list_policies(params),
            "ListAttachedRolePolicies" => {
                let under = params.text("PathPrefix").unwrap_or("/");
                let mut attached = self.iam.attached(role);
                // `arn:aws:iam::aws:policy/path/name`
                attached
                    .retain(|arn| arn.split_once(":policy").is_some_and(|(_, path)| path.starts_with(under)));
                let shown = attached.iter().map(|arn| {
                    XmlFields::new()
                        .put("PolicyName", arn.rsplit('/').next().unwrap_or_default())
                        .put("PolicyArn", arn)
                });
                let answer =
                    XmlFields::new().put("AttachedPolicies", XmlMembers(shown.collect::<Vec<XmlFields>>()));
                params.params().check_all_read()?;
                Ok(answer.put("IsTruncated", false).into())
            }
            _ => self.policy_call(action, role, params),
        }
    }

    fn create_policy(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let name = params.need("PolicyName")?;
        let path = params.text("Path").unwrap_or("/").to_string();
        let policy = document(params.need("PolicyDocument")?)?;
        let description = params.text("Description").unwrap_or_default().to_string();
        let arn = format!("arn:{}:iam::{}:policy{path}{name}", self.partition(), self.account);
        params.params().check_all_read()?;
        if self.iam.policies.contains_key(&arn) {
            return Err(ApiError::new(
                "EntityAlreadyExists",
                format!("A policy called {name} already exists. Duplicate names are not allowed."),
            ));
        }
        let policy = ManagedPolicy {
            id: format!("ANPA0SANDBOX{}", self.ids.letters(8)),
            path,
            description,
            document: policy,
            created: self.now,
        };
        self.iam.policies.insert(arn.clone(), policy);
        Ok(XmlFields::new().put("Policy", self.policy_fields(&arn)).into())
    }

    fn list_policies(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let scope = params.one_of("Scope", &["All", "AWS", "Local"])?.unwrap_or("All");
        let attached = params.flag("OnlyAttached")?.unwrap_or(false);
        params.params().check_all_read()?;
        let mut arns: Vec<String> = Vec::new();
        if scope != "AWS" {
            arns.extend(self.iam.policies.keys().cloned());
        }
        if scope != "Local" {
            let partition = self.partition();
            arns.extend(
                AWS_POLICIES.iter().map(|(name, _)| format!("arn:{partition}:iam::aws:policy/{name}")),
            );
        }
        arns.retain(|arn| !attached || self.iam.attachments(arn) > 0);
        let shown: Vec<XmlFields> = arns.iter().map(|arn| self.policy_fields(arn)).collect();
        Ok(XmlFields::new().put("Policies", XmlMembers(shown)).put("IsTruncated", false).into())
    }

    /// Answers a call that names a policy.
    fn policy_call(
        &mut self,
        action: &str,
        role: &str,
        params: &QueryParamPart<'_>,
    ) -> ApiResult<XmlContent> {
        let arn = params.need("PolicyArn")?.to_string();
        let policy = document_of(&self.iam.policies, &arn).ok_or_else(|| unknown_policy(&arn))?;
        let version = if action == "GetPolicyVersion" { params.need("VersionId")? } else { "v1" };
        params.params().check_all_read()?;
        if version != "v1" {
            return Err(ApiError::new(
                "NoSuchEntity",
                format!("Policy {arn} version {version} does not exist or is not attachable."),
            ));
        }
        match action {
            "GetPolicy" => return Ok(XmlFields::new().put("Policy", self.policy_fields(&arn)).into()),
            "GetPolicyVersion" => {
                let created = self.iam.policies.get(&arn).map(|policy| policy.created);
                let version = XmlFields::new()
                    .put("Document", percent_encoded(&policy))
                    .put("VersionId", "v1")
                    .put("IsDefaultVersion", true)
                    .opt("CreateDate", created);
                return Ok(XmlFields::new().put("PolicyVersion", version).into());
            }
            "AttachRolePolicy" => self.iam.attach(role, &arn),
            "DetachRolePolicy" => {
                if !self.iam.detach(role, &arn) {
                    return Err(ApiError::new("NoSuchEntity", format!("Policy {arn} was not found.")));
                }
            }
            _ => {
                if self.iam.attachments(&arn) > 0 {
                    return Err(ApiError::new(
                        "DeleteConflict",
                        "Cannot delete a policy attached to entities.",
                    ));
                }
                if self.iam.policies.remove(&arn).is_none() {
                    return Err(ApiError::new(
                        "AccessDenied",
                        format!("The policy {arn} belongs to AWS and cannot be deleted."),
                    ));
                }
            }
        }
        Ok(XmlFields::new().into())
    }

    fn policy_fields(&self, arn: &str) -> XmlFields {
        let own = self.iam.policies.get(arn);
        XmlFields::new()
            .put("PolicyName", arn.rsplit('/').next().unwrap_or_default())
            .opt("PolicyId", own.map(|policy| &policy.id))
            .put("Arn", arn)
            .put("Path", own.map_or("/", |policy| &policy.path))
            .put("DefaultVersionId", "v1")
            .put("AttachmentCount", self.iam.attachments(arn))
            .put("PermissionsBoundaryUsageCount", 0i64)
            .put("IsAttachable", true)
            .opt("Description", own.map(|policy| &policy.description).filter(|text| !text.is_empty()))
            .opt("CreateDate", own.map(|policy| policy.created))
            .opt("UpdateDate", own.map(|policy| policy.created))
    }
}
