use super::instance_fields::metadata_fields;
use super::instance_transitions::wrong_state;
use crate::core::{ApiError, ApiResult, RegionView, ResourceKind, SandboxInstanceState};
use crate::engine::requests::missing_parameter;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

impl RegionView<'_> {
    fn may_modify(&mut self, action: &str, id: &str) -> ApiResult<()> {
        let found = self.visible(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, id))?;
        let tags = found.tags.clone();
        let arn = self.arn("ec2", &format!("instance/{id}"));
        self.allow(action, &arn, &tags, &[])
    }

    /// Serves ModifyInstanceAttribute: one attribute per call.
    pub(crate) fn modify_instance_attribute(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = params.need("InstanceId")?.to_string();
        self.may_modify("ec2:ModifyInstanceAttribute", &id)?;
        let mut asked: Vec<(String, String)> = Vec::new();
        let names = [
            ("InstanceInitiatedShutdownBehavior", "instanceInitiatedShutdownBehavior"),
            ("DisableApiTermination", "disableApiTermination"),
            ("DisableApiStop", "disableApiStop"),
            ("InstanceType", "instanceType"),
            ("UserData", "userData"),
            ("EbsOptimized", "ebsOptimized"),
        ];
        for (name, attribute) in names {
            if let Some(value) = params.part(name).text("Value").or_else(|| params.text(name)) {
                asked.push((attribute.to_string(), value.to_string()));
            }
        }
        if let Some(attribute) = params.text("Attribute") {
            asked.push((attribute.to_string(), params.need("Value")?.to_string()));
        }
        let mut disks: Vec<(String, bool)> = Vec::new();
        for part in params.parts("BlockDeviceMapping") {
            let device = part.need("DeviceName")?;
            let delete = part.part("Ebs").flag("DeleteOnTermination")?;
            let delete = delete.ok_or_else(|| missing_parameter("Ebs.DeleteOnTermination"))?;
            if !self.here.instances[&id].volumes.iter().any(|mapping| mapping.device == device) {
                return Err(ApiError::new(
                    "InvalidInstanceAttributeValue",
                    format!("No device is currently mapped at {device}"),
                ));
            }
            disks.push((device.to_string(), delete));
        }
        let groups: Vec<String> = params.list("GroupId").into_iter().map(String::from).collect();
        if let Some(id) = groups.iter().find(|id| !self.here.groups.contains_key(*id)) {
            return Err(ApiError::unknown_id(ResourceKind::Group, id));
        }
        let kinds = asked.len() + usize::from(!groups.is_empty()) + usize::from(!disks.is_empty());
        if kinds != 1 {
            return Err(ApiError::combination("Fields for multiple attribute types specified, or none"));
        }
        if let Some((attribute, value)) = asked.first() {
            self.check_attribute(&id, attribute, value)?;
        }
        self.finish_checks(params)?;
        if !groups.is_empty()
            && let Some(found) = self.here.instances.get_mut(&id)
        {
            found.groups = groups;
        }
        if let Some(found) = self.here.instances.get_mut(&id) {
            for mapping in &mut found.volumes {
                let told = disks.iter().find(|(device, _)| *device == mapping.device);
                mapping.delete = told.map_or(mapping.delete, |(_, delete)| *delete);
            }
        }
        if let Some((attribute, value)) = asked.pop() {
            self.set_attribute(&id, &attribute, value);
        }
        Ok(XmlFields::new().put("return", true).into())
    }

    fn check_attribute(&self, id: &str, attribute: &str, value: &str) -> ApiResult<()> {
        let found = &self.here.instances[id];
        let stopped = || match found.state {
            SandboxInstanceState::Stopped => Ok(()),
            state => Err(match attribute {
                "instanceType" | "userData" | "ebsOptimized" => ApiError::new(
                    "IncorrectInstanceState",
                    format!("The instance '{id}' is not in the 'stopped' state."),
                ),
                _ => wrong_state(id, state, "modified"),
            }),
        };
        let invalid =
            || Err(ApiError::value(format!("Value ({value}) for parameter {attribute} is invalid.")));
        if found.state.is_over() {
            return Err(wrong_state(id, found.state, "modified"));
        }
        match attribute {
            "instanceInitiatedShutdownBehavior" if !["stop", "terminate"].contains(&value) => invalid(),
            "instanceInitiatedShutdownBehavior" if found.spot_request.is_some() => Err(ApiError::new(
                "UnsupportedOperation",
                "Modifying 'InstanceInitiatedShutdownBehavior' is not supported for Spot Instances.",
            )),
            "disableApiTermination" if found.spot_request.is_some() => Err(ApiError::new(
                "UnsupportedOperation",
                "The operation is not supported for Spot Instances.",
            )),
            "disableApiTermination" | "disableApiStop" | "ebsOptimized"
                if !["true", "false"].contains(&value) =>
            {
                invalid()
            }
            "instanceType" => match self.facts.types.get(value) {
                None => Err(ApiError::value(format!("Invalid value '{value}' for InstanceType."))),
                Some(kind) if !kind.architectures.contains(&found.arch) => {
                    Err(ApiError::combination(format!(
                        "The architecture '{}' of the instance does not match the type {value}",
                        found.arch
                    )))
                }
                Some(_) => stopped(),
            },
            "userData" | "ebsOptimized" => stopped(),
            "instanceInitiatedShutdownBehavior" | "disableApiTermination" | "disableApiStop" => Ok(()),
            other => Err(ApiError::value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            ))),
        }
    }

    fn set_attribute(&mut self, id: &str, attribute: &str, value: String) {
        let Some(found) = self.here.instances.get_mut(id) else { return };
        match attribute {
            "instanceInitiatedShutdownBehavior" => found.terminate_on_shutdown = value == "terminate",
            "disableApiTermination" => found.protected = value == "true",
            "disableApiStop" => found.stop_protected = value == "true",
            "instanceType" => found.instance_type = value,
            "userData" => found.user_data = Some(value),
            _ => found.ebs_optimized = value == "true",
        }
    }

    /// Serves ModifyInstanceMetadataOptions. Options that the call does not name stay the same.
    pub(crate) fn modify_metadata_options(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = params.need("InstanceId")?.to_string();
        self.may_modify("ec2:ModifyInstanceMetadataOptions", &id)?;
        let switch = ["enabled", "disabled"];
        let tokens = params.one_of("HttpTokens", &["required", "optional"])?;
        let hops = params.number("HttpPutResponseHopLimit")?;
        let endpoint = params.one_of("HttpEndpoint", &switch)?;
        let ipv6 = params.one_of("HttpProtocolIpv6", &switch)?;
        let tags = params.one_of("InstanceMetadataTags", &switch)?;
        if hops.is_some_and(|hops| !(1..=64).contains(&hops)) {
            return Err(ApiError::value("The value for HttpPutResponseHopLimit must be between 1 and 64"));
        }
        let found = &self.here.instances[&id];
        if found.state.is_over() {
            return Err(wrong_state(&id, found.state, "modified"));
        }
        if tags == Some("enabled") {
            super::tags::check_metadata_keys(found.tags.keys())?;
        }
        self.finish_checks(params)?;
        let found = self.here.instances.get_mut(&id).expect("it was found");
        let set = |field: &mut String, value: Option<&str>| {
            if let Some(value) = value {
                *field = value.to_string();
            }
        };
        set(&mut found.metadata.tokens, tokens);
        set(&mut found.metadata.endpoint, endpoint);
        set(&mut found.metadata.ipv6, ipv6);
        set(&mut found.metadata.tags, tags);
        found.metadata.hops = hops.unwrap_or(found.metadata.hops);
        let answer = XmlFields::new().put("instanceId", id);
        let answer = answer.within("instanceMetadataOptions", |fields| metadata_fields(fields, found));
        Ok(answer.into())
    }
}
