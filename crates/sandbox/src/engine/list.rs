use std::borrow::Cow;
use std::collections::BTreeMap;

use super::filter::Filter;
use super::instance::{Instance, State};
use super::world::Desk;
use super::{ApiError, Done, Kind};
use crate::wire::{Fields, Node, Part, Spell};

/// What is the same of every instance here.
const ALIKE: &str = "<enclaveOptions><enabled>false</enabled></enclaveOptions>\
    <platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>\
    <maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>\
    <currentInstanceBootMode>legacy-bios</currentInstanceBootMode>";

/// The DNS names of an instance.
struct Names {
    private: String,
    public: String,
}

impl Desk<'_> {
    /// DescribeInstances.
    pub(crate) fn describe_instances(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstances")?;
        let (rows, next) = self.listed(params, (5, 1000))?;
        self.ready(params)?;
        // Reservations in the order of their first instance.
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<&Instance>> = Vec::new();
        for found in rows {
            let at = *places.entry(&found.reservation).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(found),
                None => groups.push(vec![found]),
            }
        }
        let count: usize = groups.iter().map(Vec::len).sum();
        let fields =
            Fields::with_room(count * 4096 + 1024).each("reservationSet", &groups, |fields, group| {
                self.reservation(fields, &group[0].reservation, group)
            });
        Ok(fields.opt("nextToken", next).into())
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

    pub(crate) fn reservation(&self, fields: Fields, id: &str, group: &[&Instance]) -> Fields {
        fields.put("reservationId", id).put("ownerId", self.account).put("groupSet", Vec::new()).each(
            "instancesSet",
            group,
            |fields, instance| self.instance_fields(fields, instance),
        )
    }

    /// The groups of an instance.
    fn group_set(&self, fields: Fields, instance: &Instance) -> Fields {
        fields.each("groupSet", &instance.groups, |fields, id| {
            let name = self.here.groups.get(id).map(|group| group.name.as_str());
            fields.put("groupId", id).opt("groupName", name)
        })
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

    /// An instance; what it has no longer when it is terminated is left out.
    fn instance_fields(&self, fields: Fields, i: &Instance) -> Fields {
        let gone = i.state == State::Terminated;
        let kind = self.facts.types.get(&i.instance_type);
        let names = Names { private: self.private_name(i), public: self.public_name(i).unwrap_or_default() };
        let fields = fields
            .put("instanceId", &i.id)
            .put("imageId", &i.image)
            .within("instanceState", |state| i.state.write(state))
            .put("privateDnsName", if gone { "" } else { &names.private })
            .put("dnsName", &names.public)
            .put("reason", i.reason.as_ref().map_or("", |reason| &reason.text))
            .opt("keyName", i.key.as_ref())
            .put("amiLaunchIndex", i.index)
            .constant("<productCodes></productCodes>")
            .put("instanceType", &i.instance_type)
            .put("launchTime", i.launched)
            .within("placement", |place| {
                place
                    .put("availabilityZone", self.zone_name(&i.zone))
                    .put("availabilityZoneId", &i.zone)
                    .constant("<groupName></groupName><tenancy>default</tenancy>")
            })
            .within("monitoring", |state| {
                state.put("state", if i.monitoring { "enabled" } else { "disabled" })
            });
        let fields =
            if gone { fields.put("groupSet", Vec::new()) } else { self.network_fields(fields, i, &names) };
        let reason = match (&i.reason, i.state) {
            (Some(reason), _) => Some((reason.code.as_str(), reason.message.as_str())),
            (None, State::Pending) => Some(("pending", "pending")),
            (None, _) => None,
        };
        let fields = match reason {
            Some((code, message)) => {
                fields.within("stateReason", |fields| fields.put("code", code).put("message", message))
            }
            None => fields,
        };
        let fields = fields
            .put("architecture", &i.arch)
            .constant("<rootDeviceType>ebs</rootDeviceType>")
            .put("rootDeviceName", root_device(i))
            .each("blockDeviceMapping", &i.volumes, |fields, mapping| {
                fields.put("deviceName", &mapping.device).within("ebs", |ebs| {
                    ebs.put("volumeId", &mapping.volume)
                        .put("status", if i.state == State::Pending { "attaching" } else { "attached" })
                        .put("attachTime", mapping.since)
                        .put("deleteOnTermination", mapping.delete)
                })
            })
            .constant("<virtualizationType>hvm</virtualizationType>")
            .opt("instanceLifecycle", i.spot_request.as_ref().map(|_| "spot"))
            .opt("spotInstanceRequestId", i.spot_request.as_ref())
            .put("clientToken", &i.token);
        let fields = if i.tags.is_empty() {
            fields
        } else {
            fields.each("tagSet", &i.tags, |fields, (key, value)| fields.put("key", key).put("value", value))
        };
        let fields = fields.constant("<hypervisor>xen</hypervisor>");
        let fields = match &i.profile {
            Some((_, name)) => fields.within("iamInstanceProfile", |fields| {
                let arn = self.iam.profile_arn(self.account, self.partition(), name);
                fields.put("arn", arn).put("id", self.iam.profile_id(name))
            }),
            None => fields,
        };
        let fields = fields.put("ebsOptimized", i.ebs_optimized).constant("<enaSupport>true</enaSupport>");
        let fields = match kind {
            Some(kind) => fields.within("cpuOptions", |fields| {
                fields.put("coreCount", kind.cores).put("threadsPerCore", kind.threads_per_core)
            }),
            None => fields,
        };
        fields
            .opt("capacityReservationId", i.capacity.as_ref())
            .within("capacityReservationSpecification", |fields| i.target.write(fields))
            .within("hibernationOptions", |fields| fields.put("configured", i.hibernation))
            .within("metadataOptions", |fields| metadata_fields(fields, i))
            .put("usageOperationUpdateTime", i.created)
            .constant(ALIKE)
    }

    /// Where an instance is in its network.
    fn network_fields(&self, fields: Fields, i: &Instance, names: &Names) -> Fields {
        let fields = fields
            .put("subnetId", &i.subnet)
            .put("vpcId", &self.here.network.vpc)
            .put("privateIpAddress", &i.private_ip)
            .opt("ipAddress", i.public_ip.as_ref())
            .constant("<sourceDestCheck>true</sourceDestCheck>");
        self.group_set(fields, i)
            .each("networkInterfaceSet", [i], |fields, i| self.interface_fields(fields, i, names))
    }

    fn interface_fields(&self, fields: Fields, i: &Instance, names: &Names) -> Fields {
        let fields = fields
            .put("networkInterfaceId", &i.interface)
            .put("subnetId", &i.subnet)
            .put("vpcId", &self.here.network.vpc)
            .put("ownerId", self.account)
            .put("privateIpAddress", &i.private_ip)
            .put("privateDnsName", &names.private)
            .put("macAddress", mac_address(&i.interface))
            .constant(
                "<description></description><status>in-use</status><sourceDestCheck>true</sourceDestCheck>\
                 <interfaceType>interface</interfaceType>",
            );
        let fields = association_fields(fields, i, names);
        let fields = self.group_set(fields, i).within("attachment", |fields| {
            fields
                .put("attachmentId", format!("eni-attach-{}", i.interface.trim_start_matches("eni-")))
                .constant(
                    "<deviceIndex>0</deviceIndex><networkCardIndex>0</networkCardIndex>\
                     <deleteOnTermination>true</deleteOnTermination>",
                )
                .put("status", if i.state == State::Pending { "attaching" } else { "attached" })
                .put("attachTime", i.created)
        });
        fields.each("privateIpAddressesSet", [i], |fields, i| {
            let fields = fields
                .put("privateIpAddress", &i.private_ip)
                .put("privateDnsName", &names.private)
                .constant("<primary>true</primary>");
            association_fields(fields, i, names)
        })
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
        let answer = Fields::new().put("instanceId", id);
        let answer = match attribute {
            "instanceType" => value(answer, attribute, Some(&i.instance_type)),
            "disableApiTermination" => value(answer, attribute, Some(i.protected)),
            "disableApiStop" => value(answer, attribute, Some(i.stop_protected)),
            "instanceInitiatedShutdownBehavior" => {
                value(answer, attribute, Some(if i.terminate_on_shutdown { "terminate" } else { "stop" }))
            }
            "userData" => value(answer, attribute, i.user_data.as_ref()),
            "ebsOptimized" => value(answer, attribute, Some(i.ebs_optimized)),
            "groupSet" => self.group_set(answer, i),
            "rootDeviceName" => value(answer, attribute, Some(root_device(i))),
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

/// The options of the metadata service.
pub(crate) fn metadata_fields(fields: Fields, i: &Instance) -> Fields {
    fields
        .put("state", "applied")
        .put("httpTokens", &i.metadata.tokens)
        .put("httpPutResponseHopLimit", i.metadata.hops)
        .put("httpEndpoint", &i.metadata.endpoint)
        .put("httpProtocolIpv6", &i.metadata.ipv6)
        .put("instanceMetadataTags", &i.metadata.tags)
}

fn association_fields(fields: Fields, i: &Instance, names: &Names) -> Fields {
    let Some(ip) = &i.public_ip else { return fields };
    fields.within("association", |fields| {
        fields
            .put("publicIp", ip)
            .put("publicDnsName", &names.public)
            .constant("<ipOwnerId>amazon</ipOwnerId>")
    })
}

/// A locally administered address that follows from the interface's id.
fn mac_address(interface: &str) -> String {
    let digits = &interface[interface.len().saturating_sub(10)..];
    let pairs = digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    pairs.fold("0e".to_string(), |text, pair| text + ":" + pair)
}

fn root_device(i: &Instance) -> &str {
    i.volumes.first().map_or("/dev/xvda", |mapping| &mapping.device)
}

/// An attribute: a structure with a value, which may be missing.
fn value(fields: Fields, name: &str, value: Option<impl Spell>) -> Fields {
    fields.within(name, |fields| fields.opt("value", value))
}
