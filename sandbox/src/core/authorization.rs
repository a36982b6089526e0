use super::error::{ApiError, ApiResult};
use super::iam_directory::Principal;
use super::instance::ResourceTags;
use super::policy::{IamDecision, PolicyContext, decide};
use super::region_view::RegionView;

/// Returns the condition keys for the tags of a request.
pub(crate) fn request_tags(tags: &ResourceTags) -> Vec<(String, Vec<String>)> {
    let mut context: Vec<(String, Vec<String>)> =
        tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()])).collect();
    context.push(("aws:TagKeys".to_string(), tags.keys().cloned().collect()));
    context
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
}
