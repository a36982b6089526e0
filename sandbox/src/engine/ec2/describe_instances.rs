use std::cell::Cell;
use std::collections::BTreeMap;

use super::instance_fields::{
    DnsSuffixes, MAINTENANCE, MacAddress, metadata_fields, root_device, status_checks,
};
use super::instance_filters::{INSTANCES, STATUSES};
use crate::core::{ApiError, ApiResult, RegionView, ResourceKind, SandboxInstance, SandboxInstanceState};
use crate::engine::filter::{FilterTable, RequestFilters};
use crate::facts::TypeFact;
use crate::wire::{QueryParamPart, XmlContent, XmlFields, XmlValue};

/// The fields that are the same for every instance.
const ALIKE: &str = "<enclaveOptions><enabled>false</enabled></enclaveOptions>\
    <platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation>\
    <maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>\
    <currentInstanceBootMode>legacy-bios</currentInstanceBootMode>";

/// Caches the last lookup, because the instances of a reservation have much in common.
struct LookupCache<'a, T>(Cell<Option<(&'a str, T)>>);

impl<'a, T: Copy> LookupCache<'a, T> {
    fn get(&self, key: &'a str, look: impl FnOnce(&'a str) -> T) -> T {
        match self.0.get() {
            Some((known, value)) if known == key => value,
            _ => {
                let value = look(key);
                self.0.set(Some((key, value)));
                value
            }
        }
    }
}

/// Caches for the instances of one page.
pub(crate) struct InstancePageCache<'a> {
    names: DnsSuffixes,
    letter: LookupCache<'a, &'static str>,
    kind: LookupCache<'a, Option<&'a TypeFact>>,
    group: LookupCache<'a, Option<&'a str>>,
}

impl InstancePageCache<'_> {
    pub(crate) fn new(region: &str) -> Self {
        InstancePageCache {
            names: DnsSuffixes::of(region),
            letter: LookupCache(Cell::default()),
            kind: LookupCache(Cell::default()),
            group: LookupCache(Cell::default()),
        }
    }
}

impl RegionView<'_> {
    pub(crate) fn describe_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeInstances")?;
        let (rows, next) = self.instance_page(params, &INSTANCES, |_| true)?;
        self.finish_checks(params)?;
        // Reservations keep the order of their first instance.
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut groups: Vec<Vec<&SandboxInstance>> = Vec::new();
        for found in rows {
            let at = *places.entry(&found.reservation).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.push(found),
                None => groups.push(vec![found]),
            }
        }
        let sheet = InstancePageCache::new(self.region);
        let count: usize = groups.iter().map(Vec::len).sum();
        let fields = XmlFields::with_capacity_for(count * 4096 + 1024).each(
            "reservationSet",
            &groups,
            |fields, group| self.reservation(fields, &sheet, &group[0].reservation, group),
        );
        Ok(fields.opt("nextToken", next).into())
    }

    /// Returns one page of the instances that match a call's ids and filters, and the next token.
    fn instance_page(
        &self,
        params: &QueryParamPart<'_>,
        table: &FilterTable<SandboxInstance>,
        is_wanted: impl Fn(&SandboxInstance) -> bool,
    ) -> ApiResult<(Vec<&SandboxInstance>, Option<String>)> {
        let ids =
            if params.part("InstanceId").is_there() { self.named_instances(params)? } else { Vec::new() };
        if !ids.is_empty() && params.text("MaxResults").is_some() {
            return Err(ApiError::combination(
                "The parameter instancesSet cannot be used with the parameter maxResults",
            ));
        }
        let filters = RequestFilters::read(params, table)?;
        let here = &*self.here;
        let all = here.instances.values().filter(|found| ids.is_empty() && found.visible <= self.now);
        let named = ids.iter().filter_map(|id| here.instances.get(id));
        let rows = all.chain(named).filter(|found| is_wanted(found) && filters.matches_row(self, found));
        self.page(params, rows, (5, 1000))
    }

    pub(crate) fn reservation<'a>(
        &'a self,
        fields: XmlFields,
        sheet: &InstancePageCache<'a>,
        id: &str,
        group: &[&'a SandboxInstance],
    ) -> XmlFields {
        fields.put("reservationId", id).put("ownerId", self.account).put("groupSet", Vec::new()).each(
            "instancesSet",
            group,
            |fields, instance| self.instance_fields(fields, sheet, instance),
        )
    }

    fn group_set<'a>(
        &'a self,
        fields: XmlFields,
        sheet: &InstancePageCache<'a>,
        instance: &'a SandboxInstance,
    ) -> XmlFields {
        fields.each("groupSet", &instance.groups, |fields, id| {
            let named = |id: &str| self.here.groups.get(id).map(|group| group.name.as_str());
            fields.put("groupId", id).opt("groupName", sheet.group.get(id, named))
        })
    }

    /// Writes an instance. A terminated one has no network fields and no groups.
    fn instance_fields<'a>(
        &'a self,
        fields: XmlFields,
        sheet: &InstancePageCache<'a>,
        i: &'a SandboxInstance,
    ) -> XmlFields {
        let gone = i.state == SandboxInstanceState::Terminated;
        let kind = sheet.kind.get(&i.instance_type, |name| self.facts.types.get(name));
        let letter = sheet.letter.get(&i.zone, |zone| self.zone_letter(zone));
        let names = &sheet.names;
        let fields = fields
            .put("instanceId", &i.id)
            .put("imageId", &i.image)
            .within("instanceState", |state| i.state.write(state))
            .put("privateDnsName", (!gone).then(|| names.private(i)))
            .put("dnsName", names.public(i))
            .put("reason", i.reason.as_ref().map_or("", |reason| &reason.text))
            .opt("keyName", i.key.as_ref())
            .put("amiLaunchIndex", i.index)
            .constant("<productCodes></productCodes>")
            .put("instanceType", &i.instance_type)
            .put("launchTime", i.launched)
            .within("placement", |place| {
                place
                    .put("availabilityZone", (self.region, letter))
                    .put("availabilityZoneId", &i.zone)
                    .constant("<groupName></groupName><tenancy>default</tenancy>")
            })
            .within("monitoring", |state| {
                state.put("state", if i.monitoring { "enabled" } else { "disabled" })
            });
        let fields =
            if gone { fields.put("groupSet", Vec::new()) } else { self.network_fields(fields, sheet, i) };
        let reason = match (&i.reason, i.state) {
            (Some(reason), _) => Some((reason.code.as_str(), reason.message.as_str())),
            (None, SandboxInstanceState::Pending) => Some(("pending", "pending")),
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
            .put("rootDeviceName", root_device(i));
        let fields = mappings(fields, i)
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

    /// Writes an instance's network fields.
    fn network_fields<'a>(
        &'a self,
        fields: XmlFields,
        sheet: &InstancePageCache<'a>,
        i: &'a SandboxInstance,
    ) -> XmlFields {
        let fields = fields
            .put("subnetId", &i.subnet)
            .put("vpcId", &self.here.network.vpc)
            .put("privateIpAddress", &i.private_ip)
            .opt("ipAddress", i.public_ip.as_ref())
            .constant("<sourceDestCheck>true</sourceDestCheck>");
        self.group_set(fields, sheet, i)
            .each("networkInterfaceSet", [i], |fields, i| self.interface_fields(fields, sheet, i))
    }

    fn association_fields(&self, fields: XmlFields, i: &SandboxInstance, names: &DnsSuffixes) -> XmlFields {
        let Some(ip) = &i.public_ip else { return fields };
        fields.within("association", |fields| {
            fields
                .put("publicIp", ip)
                .put("publicDnsName", names.public(i))
                .put("ipOwnerId", self.ip_owner(i))
        })
    }

    /// Returns the owner of an instance's public address: the account for an Elastic IP, else
    /// amazon.
    pub(crate) fn ip_owner(&self, i: &SandboxInstance) -> &str {
        if self.elastic_of(&i.id).is_some() { self.account } else { "amazon" }
    }

    fn interface_fields<'a>(
        &'a self,
        fields: XmlFields,
        sheet: &InstancePageCache<'a>,
        i: &'a SandboxInstance,
    ) -> XmlFields {
        let names = &sheet.names;
        let fields = fields
            .put("networkInterfaceId", &i.interface)
            .put("subnetId", &i.subnet)
            .put("vpcId", &self.here.network.vpc)
            .put("ownerId", self.account)
            .put("privateIpAddress", &i.private_ip)
            .put("privateDnsName", names.private(i))
            .put("macAddress", MacAddress(&i.interface))
            .constant(
                "<description></description><status>in-use</status><sourceDestCheck>true</sourceDestCheck>\
                 <interfaceType>interface</interfaceType>",
            );
        let fields = self.association_fields(fields, i, names);
        let fields = self.group_set(fields, sheet, i).within("attachment", |fields| {
            fields
                .put("attachmentId", i.attachment())
                .constant(
                    "<deviceIndex>0</deviceIndex><networkCardIndex>0</networkCardIndex>\
                     <deleteOnTermination>true</deleteOnTermination>",
                )
                .put(
                    "status",
                    if i.state == SandboxInstanceState::Pending { "attaching" } else { "attached" },
                )
                .put("attachTime", i.created)
        });
        fields.each("privateIpAddressesSet", [i], |fields, i| {
            let fields = fields
                .put("privateIpAddress", &i.private_ip)
                .put("privateDnsName", names.private(i))
                .constant("<primary>true</primary>");
            self.association_fields(fields, i, names)
        })
    }

    /// Serves DescribeInstanceStatus: running instances, or all with `IncludeAllInstances`.
    pub(crate) fn describe_instance_status(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeInstanceStatus")?;
        let all = params.flag("IncludeAllInstances")?.unwrap_or(false);
        let (rows, next) =
            self.instance_page(params, &STATUSES, |i| all || i.state == SandboxInstanceState::Running)?;
        self.finish_checks(params)?;
        let nodes = rows.into_iter().map(|i| {
            let (status, detail) = status_checks(i, self.now);
            let summary = || {
                let detail = detail
                    .map(|detail| XmlFields::new().put("name", "reachability").put("status", detail).into());
                XmlFields::new().put("status", status).some("details", detail.into_iter().collect())
            };
            let events = i.events.iter().map(|event| {
                XmlFields::new()
                    .put("instanceEventId", event.id.as_str())
                    .put("code", event.code.as_str())
                    .put("description", MAINTENANCE)
                    .put("notBefore", event.at)
                    .into()
            });
            XmlFields::new()
                .put("instanceId", i.id.as_str())
                .put("availabilityZone", self.zone_name(&i.zone))
                .put("availabilityZoneId", i.zone.as_str())
                .some("eventsSet", events.collect())
                .put("instanceState", i.state.node())
                .put("systemStatus", summary())
                .put("instanceStatus", summary())
                .into()
        });
        let nodes: Vec<XmlContent> = nodes.collect();
        Ok(XmlFields::new().put("instanceStatusSet", nodes).opt("nextToken", next).into())
    }

    pub(crate) fn describe_instance_attribute(
        &mut self,
        params: &QueryParamPart<'_>,
    ) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeInstanceAttribute")?;
        let id = params.need("InstanceId")?;
        let i = self.visible(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, id))?;
        let attribute = params.need("Attribute")?;
        let answer = XmlFields::new().put("instanceId", id);
        let answer = match attribute {
            "instanceType" => value(answer, attribute, Some(&i.instance_type)),
            "disableApiTermination" => value(answer, attribute, Some(i.protected)),
            "disableApiStop" => value(answer, attribute, Some(i.stop_protected)),
            "instanceInitiatedShutdownBehavior" => {
                value(answer, attribute, Some(if i.terminate_on_shutdown { "terminate" } else { "stop" }))
            }
            "userData" => value(answer, attribute, i.user_data.as_ref()),
            "ebsOptimized" => value(answer, attribute, Some(i.ebs_optimized)),
            "blockDeviceMapping" => mappings(answer, i),
            "sourceDestCheck" | "enaSupport" => value(answer, attribute, Some(true)),
            "enclaveOptions" => answer.within(attribute, |fields| fields.put("enabled", false)),
            "productCodes" => answer.put(attribute, Vec::new()),
            "kernel" | "ramdisk" | "sriovNetSupport" => value(answer, attribute, None::<bool>),
            "groupSet" => self.group_set(answer, &InstancePageCache::new(self.region), i),
            "rootDeviceName" => value(answer, attribute, Some(root_device(i))),
            other => {
                return Err(ApiError::value(format!(
                    "Value ({other}) for parameter attribute is invalid. Unknown attribute."
                )));
            }
        };
        self.finish_checks(params)?;
        Ok(answer.into())
    }
}

fn mappings(fields: XmlFields, i: &SandboxInstance) -> XmlFields {
    fields.each("blockDeviceMapping", &i.volumes, |fields, mapping| {
        fields.put("deviceName", &mapping.device).within("ebs", |ebs| {
            ebs.put("volumeId", &mapping.volume)
                .put(
                    "status",
                    if i.state == SandboxInstanceState::Pending { "attaching" } else { "attached" },
                )
                .put("attachTime", mapping.since)
                .put("deleteOnTermination", mapping.delete)
        })
    })
}

/// Writes an attribute: a structure with a value, which may be absent.
fn value(fields: XmlFields, name: &str, value: Option<impl XmlValue>) -> XmlFields {
    fields.within(name, |fields| fields.opt("value", value))
}
