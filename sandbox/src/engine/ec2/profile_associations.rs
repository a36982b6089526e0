//! Instance profiles of existing instances.

use super::instance_transitions::wrong_state;
use crate::core::{
    ApiError, ApiResult, RegionView, ResourceKind, ResourceTags, SandboxInstance, SandboxInstanceState,
};
use crate::engine::filter::{FilterTable, RequestFilters, one};
use crate::engine::requests::missing_parameter;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeIamInstanceProfileAssociations.
const FILTERS: FilterTable<SandboxInstance> = FilterTable {
    tags: None,
    tag: None,
    named: &[("instance-id", |_, found| one(&found.id)), ("state", |_, _| one("associated"))],
    bare: &[],
};

impl RegionView<'_> {
    /// Serves AssociateIamInstanceProfile and ReplaceIamInstanceProfileAssociation.
    pub(crate) fn associate_profile(
        &mut self,
        params: &QueryParamPart<'_>,
        replace: bool,
    ) -> ApiResult<XmlContent> {
        let id = if replace {
            self.associated_instance(params.need("AssociationId")?)?
        } else {
            params.need("InstanceId")?.to_string()
        };
        let found =
            self.visible(&id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, &id))?.clone();
        let action =
            if replace { "ReplaceIamInstanceProfileAssociation" } else { "AssociateIamInstanceProfile" };
        self.may_touch(action, &found)?;
        let Some((association, name)) = self.read_profile(params)? else {
            return Err(missing_parameter("IamInstanceProfile"));
        };
        self.may_pass_role(&name)?;
        if !matches!(
            found.state,
            SandboxInstanceState::Pending
                | SandboxInstanceState::Running
                | SandboxInstanceState::Stopping
                | SandboxInstanceState::Stopped
        ) {
            return Err(wrong_state(&id, found.state, "associated"));
        }
        if found.profile.is_some() && !replace {
            return Err(ApiError::new(
                "IncorrectState",
                format!("There is an existing association for instance {id}"),
            ));
        }
        self.finish_checks(params)?;
        let Some(held) = self.here.instances.get_mut(&id) else {
            return Err(ApiError::unknown_id(ResourceKind::Instance, &id));
        };
        held.profile = Some((association, name));
        let held = held.clone();
        Ok(XmlFields::new()
            .opt("iamInstanceProfileAssociation", self.association(&held, "associating"))
            .into())
    }

    /// Serves DisassociateIamInstanceProfile.
    pub(crate) fn disassociate_profile(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = self.associated_instance(params.need("AssociationId")?)?;
        let found = self.here.instances[&id].clone();
        self.may_touch("DisassociateIamInstanceProfile", &found)?;
        self.finish_checks(params)?;
        if let Some(held) = self.here.instances.get_mut(&id) {
            held.profile = None;
        }
        let answer = self.association(&found, "disassociating");
        Ok(XmlFields::new().opt("iamInstanceProfileAssociation", answer).into())
    }

    /// Serves DescribeIamInstanceProfileAssociations.
    pub(crate) fn describe_profiles(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeIamInstanceProfileAssociations")?;
        let ids = params.list("AssociationId");
        for id in &ids {
            self.associated_instance(id)?;
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let held = |found: &&SandboxInstance| {
            let association = found.profile.as_ref().map(|(association, _)| association.as_str());
            found.state != SandboxInstanceState::Terminated
                && found.visible <= self.now
                && association.is_some_and(|id| ids.is_empty() || ids.contains(&id))
        };
        let rows = self.here.instances.values().filter(held).filter(|found| filters.matches_row(self, found));
        let rows = rows.filter_map(|found| self.association(found, "associated").map(XmlContent::from));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("iamInstanceProfileAssociationSet", rows).opt("nextToken", next).into())
    }

    /// Returns the instance id of an association.
    fn associated_instance(&self, association: &str) -> ApiResult<String> {
        let held = |found: &&SandboxInstance| found.profile.as_ref().is_some_and(|(id, _)| id == association);
        let found = self.here.instances.values().find(held);
        found.map(|found| found.id.clone()).ok_or_else(|| {
            ApiError::new(
                "InvalidAssociationID.NotFound",
                format!("The association ID '{association}' does not exist"),
            )
        })
    }

    fn association(&self, found: &SandboxInstance, state: &str) -> Option<XmlFields> {
        let (association, name) = found.profile.as_ref()?;
        let fields = XmlFields::new().put("associationId", association).put("instanceId", &found.id).within(
            "iamInstanceProfile",
            |fields| {
                let arn = self.iam.profile_arn(self.account, self.partition(), name);
                fields.put("arn", arn).put("id", self.iam.profile_id(name))
            },
        );
        Some(fields.put("state", state))
    }

    fn may_touch(&mut self, action: &str, found: &SandboxInstance) -> ApiResult<()> {
        let arn = self.arn("ec2", &format!("instance/{}", found.id));
        self.allow(&format!("ec2:{action}"), &arn, &found.tags, &[])
    }

    /// Fails unless the caller may hand the role of a profile to EC2 (`iam:PassRole`).
    pub(crate) fn may_pass_role(&mut self, profile: &str) -> ApiResult<()> {
        let Some(role) = self.iam.role_of(profile) else { return Ok(()) };
        let arn = self.iam.role_arn(self.account, self.partition(), &role);
        self.may_pass(&arn)
    }

    /// Fails unless the caller may hand the role of this ARN to EC2.
    pub(crate) fn may_pass(&mut self, arn: &str) -> ApiResult<()> {
        let to = [("iam:PassedToService".to_string(), vec!["ec2.amazonaws.com".to_string()])];
        self.allow("iam:PassRole", arn, &ResourceTags::new(), &to)
    }
}
