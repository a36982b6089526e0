//! SSM: the parameters of public images, and the instances that its agent reports.

use serde_json::{Value, json};

use super::ec2::PUBLIC_IMAGES;
use super::requests::unknown_json_action;
use crate::core::{
    ApiError, ApiResult, IamDecision, PolicyContext, Principal, RegionView, SandboxInstance,
    SandboxInstanceState, decide,
};
use crate::wire::{JsonMembers, with_token};

/// From a start until the agent registers.
const AGENT_AFTER: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);

impl RegionView<'_> {
    /// Answers a call of SSM.
    pub(crate) fn ssm(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        self.allow_any(&format!("ssm:{action}"))?;
        match action {
            "DescribeInstanceInformation" => self.instance_information(input),
            _ => self.image_parameters(action, input),
        }
    }

    /// Serves GetParameter, GetParameters and GetParametersByPath for the parameters of public
    /// images.
    fn image_parameters(&mut self, action: &str, input: &JsonMembers<'_>) -> ApiResult<Value> {
        let node = |row: usize| {
            let image = self.public_image(row);
            let name = PUBLIC_IMAGES[row].parameter;
            json!({
                "Name": name, "Type": "String", "Value": image.id, "Version": 1, "DataType": "text",
                "LastModifiedDate": image.created.as_second(),
                "ARN": format!("arn:{}:ssm:{}::parameter{}", self.partition(), self.region, name),
            })
        };
        let row = |name: &str| PUBLIC_IMAGES.iter().position(|image| image.parameter == name);
        match action {
            "GetParameter" => {
                let name = input.need("Name")?;
                input.flag("WithDecryption")?;
                let row = row(name).ok_or_else(|| ApiError::new("ParameterNotFound", ""))?;
                Ok(json!({ "Parameter": node(row) }))
            }
            "GetParameters" => {
                let names = input.texts("Names")?;
                input.flag("WithDecryption")?;
                let (found, missing): (Vec<&str>, Vec<&str>) =
                    names.into_iter().partition(|name| row(name).is_some());
                let found: Vec<Value> = found.into_iter().filter_map(row).map(node).collect();
                Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
            }
            "GetParametersByPath" => {
                let path = input.need("Path")?.trim_end_matches('/');
                let deep = input.flag("Recursive")?.unwrap_or(false);
                input.flag("WithDecryption")?;
                let under = |name: &str| {
                    name.strip_prefix(path)
                        .is_some_and(|rest| rest.starts_with('/') && (deep || rest.matches('/').count() == 1))
                };
                let found: Vec<Value> = (0..PUBLIC_IMAGES.len())
                    .filter(|row| under(PUBLIC_IMAGES[*row].parameter))
                    .map(node)
                    .collect();
                let refusals = ("ValidationException", "InvalidNextToken");
                let (found, next) = self.json_page(input, found, "NextToken", 10, refusals)?;
                Ok(with_token(json!({ "Parameters": found }), "NextToken", next))
            }
            _ => Err(unknown_json_action()),
        }
    }

    /// Serves DescribeInstanceInformation: the instances of which the agent could register, because
    /// their role allows it.
    fn instance_information(&mut self, input: &JsonMembers<'_>) -> ApiResult<Value> {
        let mut named: Vec<&str> = Vec::new();
        for (list, key, values) in
            [("Filters", "Key", "Values"), ("InstanceInformationFilterList", "key", "valueSet")]
        {
            for filter in input.list(list)? {
                if filter.need(key)? != "InstanceIds" {
                    return Err(ApiError::new("InvalidFilterKey", ""));
                }
                named.extend(filter.texts(values)?);
            }
        }
        let rows: Vec<Value> = self
            .here
            .instances
            .values()
            .filter(|found| named.is_empty() || named.contains(&found.id.as_str()))
            .filter_map(|found| self.agent_row(found))
            .collect();
        let (rows, next) =
            self.json_page(input, rows, "NextToken", 50, ("ValidationException", "InvalidNextToken"))?;
        Ok(with_token(json!({ "InstanceInformationList": rows }), "NextToken", next))
    }

    /// Returns the agent's row for an instance: none if the agent never registered.
    fn agent_row(&self, found: &SandboxInstance) -> Option<Value> {
        let (_, profile) = found.profile.as_ref()?;
        let session = Principal::Role {
            account: self.account.to_string(),
            role: self.iam.role_of(profile)?,
            session: found.id.clone(),
            source: None,
        };
        let documents = self.iam.documents(&session);
        let allowed = decide(&documents, "ssm:UpdateInstanceInformation", "*", &PolicyContext::new());
        let registered = found.launched + AGENT_AFTER;
        if allowed != IamDecision::Allow || found.state.is_over() || registered > self.now {
            return None;
        }
        let online = found.state == SandboxInstanceState::Running;
        Some(json!({
            "InstanceId": found.id, "PingStatus": if online { "Online" } else { "ConnectionLost" },
            "LastPingDateTime": if online { self.now } else { registered }.as_second(),
            "AgentVersion": "3.3.2299.0", "IsLatestVersion": true, "PlatformType": "Linux",
            "ResourceType": "EC2Instance", "IPAddress": found.private_ip,
        }))
    }
}
