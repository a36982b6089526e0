use std::borrow::Cow;

use super::filter::Filter;
use super::instance::{Instance, State};
use super::tags::nodes as tag_nodes;
use super::world::Desk;
use super::{ApiError, Done, Kind};
use crate::wire::{Fields, Node, Part};

impl Desk<'_> {
    /// DescribeInstances.
    pub(crate) fn describe_instances(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstances")?;
        let (rows, next) = self.listed(params, (5, 1000))?;
        self.ready(params)?;
        let mut groups: Vec<(String, Vec<&Instance>)> = Vec::new();
        for found in rows {
            match groups.iter_mut().find(|(id, _)| *id == found.reservation) {
                Some((_, group)) => group.push(found),
                None => groups.push((found.reservation.clone(), vec![found])),
            }
        }
        let nodes: Vec<Node> = groups.iter().map(|(id, group)| self.reservation(id, group).into()).collect();
        Ok(Fields::new().put("reservationSet", nodes).opt("nextToken", next).into())
    }

    /// What the ids and filters of a call leave, one page of it.
    fn listed(&self, params: &Part<'_>, bounds: (i64, i64)) -> Done<(Vec<&Instance>, Option<String>)> {
        let ids =
            if params.part("InstanceId").is_there() { self.named_instances(params)? } else { Vec::new() };
        let filters = Filter::read(params)?;
        let mut found = Vec::new();
        if ids.is_empty() {
            for instance in self.here.instances.values().filter(|instance| instance.visible <= self.now) {
                if self.fits(instance, &filters)? {
                    found.push(instance);
                }
            }
        } else {
            for instance in ids.iter().filter_map(|id| self.here.instances.get(id)) {
                if self.fits(instance, &filters)? {
                    found.push(instance);
                }
            }
            if params.text("MaxResults").is_some() {
                return Err(ApiError::combination(
                    "The parameter instancesSet cannot be used with the parameter maxResults",
                ));
            }
        }
        self.page(params, found, bounds)
    }

    fn fits(&self, instance: &Instance, filters: &[Filter]) -> Done<bool> {
        Filter::pass(filters, &instance.tags, |name| self.filter_values(instance, name))
    }

    /// The filters of DescribeInstances.
    fn filter_values<'i>(&self, i: &'i Instance, name: &str) -> Option<Vec<Cow<'i, str>>> {
        let one = |text: &'i str| Some(vec![Cow::Borrowed(text)]);
        let own = |text: String| Some(vec![Cow::Owned(text)]);
        let some = |text: Option<&'i str>| Some(text.map(Cow::Borrowed).into_iter().collect());
        let flag = |flag: bool| one(if flag { "true" } else { "false" });
        match name {
            "instance-id" => one(&i.id),
            "instance-type" => one(&i.instance_type),
            "instance-state-name" => one(i.state.name()),
            "instance-state-code" => own(i.state.code().to_string()),
            "instance-lifecycle" => some(i.spot_request.as_ref().map(|_| "spot")),
            "spot-instance-request-id" => some(i.spot_request.as_deref()),
            "client-token" => one(&i.token),
            "launch-time" => own(crate::wire::iso(i.launched)),
            "availability-zone" | "placement.availability-zone" => own(self.zone_name(&i.zone)),
            "availability-zone-id" => one(&i.zone),
            "image-id" => one(&i.image),
            "key-name" => some(i.key.as_deref()),
            "reservation-id" => one(&i.reservation),
            "owner-id" => own(self.account.to_string()),
            "architecture" => one(&i.arch),
            "subnet-id" => one(&i.subnet),
            "vpc-id" => own(self.vpc()),
            "instance.group-id" | "group-id" => {
                Some(i.groups.iter().map(|id| Cow::Borrowed(id.as_str())).collect())
            }
            "instance.group-name" | "group-name" => Some(
                i.groups
                    .iter()
                    .filter_map(|id| self.here.groups.get(id))
                    .map(|group| Cow::Owned(group.name.clone()))
                    .collect(),
            ),
            "private-ip-address" => one(&i.private_ip),
            "ip-address" => some(i.public_ip.as_deref()),
            "private-dns-name" => own(self.private_name(i)),
            "dns-name" => own(self.public_name(i).unwrap_or_default()),
            "tenancy" => one("default"),
            "root-device-type" => one("ebs"),
            "root-device-name" => some(i.volumes.first().map(|mapping| mapping.device.as_str())),
            "virtualization-type" => one("hvm"),
            "hypervisor" => one("xen"),
            "monitoring-state" => one(if i.monitoring { "enabled" } else { "disabled" }),
            "hibernation-options.configured" => flag(i.hibernation),
            "metadata-options.http-tokens" => one(&i.metadata.tokens),
            "metadata-options.http-endpoint" => one(&i.metadata.endpoint),
            "metadata-options.http-put-response-hop-limit" => own(i.metadata.hops.to_string()),
            "metadata-options.instance-metadata-tags" => one(&i.metadata.tags),
            "iam-instance-profile.arn" => Some(
                i.profile
                    .iter()
                    .map(|(_, name)| Cow::Owned(self.iam.profile_arn(self.account, self.partition(), name)))
                    .collect(),
            ),
            "iam-instance-profile.name" => some(i.profile.as_ref().map(|(_, name)| name.as_str())),
            "block-device-mapping.volume-id" => {
                Some(i.volumes.iter().map(|m| Cow::Borrowed(m.volume.as_str())).collect())
            }
            "block-device-mapping.device-name" => {
                Some(i.volumes.iter().map(|m| Cow::Borrowed(m.device.as_str())).collect())
            }
            "state-reason-code" => some(i.reason.as_ref().map(|reason| reason.code.as_str())),
            "platform-details" => one("Linux/UNIX"),
            "launch-index" => own(i.index.to_string()),
            _ => None,
        }
    }

    pub(crate) fn reservation(&self, id: &str, group: &[&Instance]) -> Fields {
        let instances: Vec<Node> = group.iter().map(|instance| self.instance_node(instance)).collect();
        Fields::new()
            .put("reservationId", id)
            .put("ownerId", self.account)
            .put("groupSet", Vec::new())
            .put("instancesSet", instances)
    }

    fn group_nodes(&self, instance: &Instance) -> Vec<Node> {
        let group = |id: &String| {
            let name = self.here.groups.get(id).map(|group| group.name.as_str());
            Fields::new().put("groupId", id).opt("groupName", name).into()
        };
        instance.groups.iter().map(group).collect()
    }

    fn private_name(&self, instance: &Instance) -> String {
        let dashed = instance.private_ip.replace('.', "-");
        match self.region {
            "us-east-1" => format!("ip-{dashed}.ec2.internal"),
            region => format!("ip-{dashed}.{region}.compute.internal"),
        }
    }

    fn public_name(&self, instance: &Instance) -> Option<String> {
        let dashed = instance.public_ip.as_ref()?.replace('.', "-");
        Some(match self.region {
            "us-east-1" => format!("ec2-{dashed}.compute-1.amazonaws.com"),
            region => format!("ec2-{dashed}.{region}.compute.amazonaws.com"),
        })
    }

    pub(crate) fn instance_node(&self, i: &Instance) -> Node {
        let gone = i.state == State::Terminated;
        let kind = self.facts.types.get(&i.instance_type);
        let metadata = metadata_node(i);
        let cpu = kind.map(|kind| {
            Fields::new().put("coreCount", kind.cores).put("threadsPerCore", kind.threads_per_core)
        });
        let profile = i.profile.as_ref().map(|(id, name)| {
            Fields::new()
                .put("arn", self.iam.profile_arn(self.account, self.partition(), name))
                .put("id", id.as_str())
        });
        let reason = i.reason.as_ref().map(|reason| {
            Fields::new().put("code", reason.code.as_str()).put("message", reason.message.as_str())
        });
        let disks = i.volumes.iter().map(|mapping| {
            let status = if i.state == State::Pending { "attaching" } else { "attached" };
            let ebs = Fields::new()
                .put("volumeId", mapping.volume.as_str())
                .put("status", status)
                .put("attachTime", mapping.since)
                .put("deleteOnTermination", mapping.delete);
            Fields::new().put("deviceName", mapping.device.as_str()).put("ebs", ebs).into()
        });
        let mut fields = Fields::new()
            .put("instanceId", i.id.as_str())
            .put("imageId", i.image.as_str())
            .put("instanceState", i.state.node())
            .put("privateDnsName", if gone { String::new() } else { self.private_name(i) })
            .put("dnsName", self.public_name(i).unwrap_or_default())
            .put("reason", i.reason.as_ref().map_or(String::new(), |reason| reason.text.clone()))
            .opt("keyName", i.key.as_deref())
            .put("amiLaunchIndex", i.index)
            .put("productCodes", Vec::new())
            .put("instanceType", i.instance_type.as_str())
            .put("launchTime", i.launched)
            .put(
                "placement",
                Fields::new()
                    .put("availabilityZone", self.zone_name(&i.zone))
                    .put("availabilityZoneId", i.zone.as_str())
                    .put("groupName", "")
                    .put("tenancy", "default"),
            )
            .put("monitoring", Fields::new().put("state", if i.monitoring { "enabled" } else { "disabled" }));
        if !gone {
            fields = fields
                .put("subnetId", i.subnet.as_str())
                .put("vpcId", self.vpc())
                .put("privateIpAddress", i.private_ip.as_str())
                .opt("ipAddress", i.public_ip.as_deref())
                .put("sourceDestCheck", true);
        }
        fields
            .put("groupSet", if gone { Vec::new() } else { self.group_nodes(i) })
            .opt("stateReason", reason)
            .put("architecture", i.arch.as_str())
            .put("rootDeviceType", "ebs")
            .put("rootDeviceName", i.volumes.first().map_or("/dev/xvda", |mapping| &mapping.device))
            .put("blockDeviceMapping", disks.collect::<Vec<Node>>())
            .put("virtualizationType", "hvm")
            .opt("instanceLifecycle", i.spot_request.as_ref().map(|_| "spot"))
            .opt("spotInstanceRequestId", i.spot_request.as_deref())
            .put("clientToken", i.token.as_str())
            .some("tagSet", tag_nodes(&i.tags))
            .put("hypervisor", "xen")
            .put("networkInterfaceSet", if gone { Vec::new() } else { vec![self.interface_node(i)] })
            .opt("iamInstanceProfile", profile)
            .put("ebsOptimized", i.ebs_optimized)
            .put("enaSupport", true)
            .opt("cpuOptions", cpu)
            .put(
                "capacityReservationSpecification",
                Fields::new().put("capacityReservationPreference", "open"),
            )
            .put("hibernationOptions", Fields::new().put("configured", i.hibernation))
            .put("metadataOptions", metadata)
            .put("enclaveOptions", Fields::new().put("enabled", false))
            .put("platformDetails", "Linux/UNIX")
            .put("usageOperation", "RunInstances")
            .put("usageOperationUpdateTime", i.created)
            .put("maintenanceOptions", Fields::new().put("autoRecovery", "default"))
            .put("currentInstanceBootMode", "legacy-bios")
            .into()
    }

    fn interface_node(&self, i: &Instance) -> Node {
        let attachment = Fields::new()
            .put("attachmentId", i.interface.replace("eni-", "eni-attach-"))
            .put("deviceIndex", 0i64)
            .put("status", "attached")
            .put("attachTime", i.created)
            .put("deleteOnTermination", true)
            .put("networkCardIndex", 0i64);
        Fields::new()
            .put("networkInterfaceId", i.interface.as_str())
            .put("subnetId", i.subnet.as_str())
            .put("vpcId", self.vpc())
            .put("description", "")
            .put("ownerId", self.account)
            .put("status", "in-use")
            .put("privateIpAddress", i.private_ip.as_str())
            .put("sourceDestCheck", true)
            .put("groupSet", self.group_nodes(i))
            .put("attachment", attachment)
            .put("interfaceType", "interface")
            .into()
    }

    /// DescribeInstanceStatus: running ones, unless all are asked for.
    pub(crate) fn describe_instance_status(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstanceStatus")?;
        let all = params.flag("IncludeAllInstances")?.unwrap_or(false);
        let (rows, next) = self.listed(params, (5, 1000))?;
        self.ready(params)?;
        let shown = rows.into_iter().filter(|i| all || i.state == State::Running);
        let nodes = shown.map(|i| {
            let running = i.state == State::Running;
            // The checks of a new instance take some minutes.
            let fresh = self.now.duration_since(i.launched) < jiff::SignedDuration::from_mins(2);
            let (status, detail) = match (running, fresh) {
                (false, _) => ("not-applicable", None),
                (true, true) => ("initializing", Some("initializing")),
                (true, false) => ("ok", Some("passed")),
            };
            let summary = || {
                let detail = detail
                    .map(|detail| Fields::new().put("name", "reachability").put("status", detail).into());
                Fields::new().put("status", status).some("details", detail.into_iter().collect())
            };
            let events = i.events.iter().map(|event| {
                Fields::new()
                    .put("instanceEventId", event.id.as_str())
                    .put("code", event.code.as_str())
                    .put("description", "The instance is scheduled for maintenance")
                    .put("notBefore", event.at)
                    .into()
            });
            Fields::new()
                .put("instanceId", i.id.as_str())
                .put("availabilityZone", self.zone_name(&i.zone))
                .put("availabilityZoneId", i.zone.as_str())
                .some("eventsSet", events.collect())
                .put("instanceState", i.state.node())
                .put("systemStatus", summary())
                .put("instanceStatus", summary())
                .into()
        });
        let nodes: Vec<Node> = nodes.collect();
        Ok(Fields::new().put("instanceStatusSet", nodes).opt("nextToken", next).into())
    }

    /// DescribeInstanceAttribute.
    pub(crate) fn describe_instance_attribute(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstanceAttribute")?;
        let id = params.need("InstanceId")?;
        let i = self.visible(id).ok_or_else(|| ApiError::no_such(Kind::Instance, id))?;
        let attribute = params.need("Attribute")?;
        let value = |value: Node| Fields::new().put("value", value);
        let answer = Fields::new().put("instanceId", id);
        let answer = match attribute {
            "instanceType" => answer.put("instanceType", value(i.instance_type.as_str().into())),
            "disableApiTermination" => answer.put("disableApiTermination", value(i.protected.into())),
            "disableApiStop" => answer.put("disableApiStop", value(i.stop_protected.into())),
            "instanceInitiatedShutdownBehavior" => answer.put(
                "instanceInitiatedShutdownBehavior",
                value(if i.terminate_on_shutdown { "terminate" } else { "stop" }.into()),
            ),
            "userData" => answer
                .put("userData", i.user_data.as_ref().map_or_else(Fields::new, |text| value(text.into()))),
            "ebsOptimized" => answer.put("ebsOptimized", value(i.ebs_optimized.into())),
            "groupSet" => answer.put("groupSet", self.group_nodes(i)),
            "rootDeviceName" => answer.put(
                "rootDeviceName",
                value(i.volumes.first().map_or("/dev/xvda", |mapping| &mapping.device).into()),
            ),
            other => {
                return Err(ApiError::value(format!(
                    "Value ({other}) for parameter attribute is invalid. Unknown attribute."
                )));
            }
        };
        self.ready(params)?;
        Ok(answer.into())
    }

    /// GetConsoleOutput: what the boot of the last start wrote.
    pub(crate) fn console_output(&mut self, params: &Part<'_>) -> Done<Node> {
        use base64::Engine;
        self.allow_any("ec2:GetConsoleOutput")?;
        let id = params.need("InstanceId")?;
        params.flag("Latest")?;
        let i = self.visible(id).ok_or_else(|| ApiError::no_such(Kind::Instance, id))?;
        self.ready(params)?;
        let text = format!("[    0.000000] Linux version of the sandbox\n{} login: \n", self.private_name(i));
        let text = base64::engine::general_purpose::STANDARD.encode(text);
        Ok(Fields::new().put("instanceId", id).put("timestamp", i.launched).put("output", text).into())
    }
}

pub(crate) fn metadata_node(i: &Instance) -> Fields {
    Fields::new()
        .put("state", "applied")
        .put("httpTokens", i.metadata.tokens.as_str())
        .put("httpPutResponseHopLimit", i.metadata.hops)
        .put("httpEndpoint", i.metadata.endpoint.as_str())
        .put("httpProtocolIpv6", i.metadata.ipv6.as_str())
        .put("instanceMetadataTags", i.metadata.tags.as_str())
}
