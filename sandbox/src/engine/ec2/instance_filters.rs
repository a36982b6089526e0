//! The filters of DescribeInstances and DescribeInstanceStatus.

use super::instance_fields::{DnsSuffixes, MAINTENANCE, MacAddress, root_device, status_checks};
use crate::core::{ReservationTarget, SandboxInstance, SandboxInstanceState};
use crate::engine::filter::{FilterTable, FilterValues, at, flag, many, one, own, owned};
use crate::wire::node;

const ZONE: FilterValues<SandboxInstance> = |desk, i| own(desk.zone_name(&i.zone));
const ZONE_ID: FilterValues<SandboxInstance> = |_, i| one(&i.zone);
const STATE: FilterValues<SandboxInstance> = |_, i| one(i.state.name());
const STATE_CODE: FilterValues<SandboxInstance> = |_, i| own(i.state.code());
const SUBNET: FilterValues<SandboxInstance> = |_, i| one(&i.subnet);
const VPC: FilterValues<SandboxInstance> = |desk, _| own(desk.vpc());
const OWNER: FilterValues<SandboxInstance> = |desk, _| own(desk.account);
const GROUP_IDS: FilterValues<SandboxInstance> = |_, i| many(&i.groups);
const GROUP_NAMES: FilterValues<SandboxInstance> = |desk, i| {
    many(i.groups.iter().filter_map(|id| desk.here.groups.get(id)).map(|group| group.name.as_str()))
};
const PRIVATE_IP: FilterValues<SandboxInstance> = |_, i| one(&i.private_ip);
const PUBLIC_IP: FilterValues<SandboxInstance> = |_, i| many(&i.public_ip);
const PRIVATE_NAME: FilterValues<SandboxInstance> =
    |desk, i| own(node(DnsSuffixes::of(desk.region).private(i)).as_str());
const PUBLIC_NAME: FilterValues<SandboxInstance> =
    |desk, i| own(node(DnsSuffixes::of(desk.region).public(i)).as_str());
const ATTACHED: FilterValues<SandboxInstance> =
    |_, i| one(if i.state == SandboxInstanceState::Pending { "attaching" } else { "attached" });
const YES: FilterValues<SandboxInstance> = |_, _| flag(true);
const NO: FilterValues<SandboxInstance> = |_, _| flag(false);
const IP_OWNER: FilterValues<SandboxInstance> =
    |desk, i| many(i.public_ip.as_ref().map(|_| desk.ip_owner(i)));
const ALLOCATION: FilterValues<SandboxInstance> = |desk, i| many(desk.elastic_of(&i.id).map(|held| &held.id));
const ASSOCIATION: FilterValues<SandboxInstance> =
    |desk, i| many(desk.elastic_of(&i.id).map(|held| &held.association));

/// The filters of DescribeInstances.
pub(crate) const INSTANCES: FilterTable<SandboxInstance> = FilterTable {
    tags: Some(|i| &i.tags),
    tag: None,
    named: &[
        ("architecture", |_, i| one(&i.arch)),
        ("availability-zone", ZONE),
        ("availability-zone-id", ZONE_ID),
        ("block-device-mapping.attach-time", |_, i| {
            owned(i.volumes.iter().map(|m| crate::wire::iso(m.since)))
        }),
        ("block-device-mapping.delete-on-termination", |_, i| owned(i.volumes.iter().map(|m| m.delete))),
        ("block-device-mapping.device-name", |_, i| many(i.volumes.iter().map(|m| m.device.as_str()))),
        ("block-device-mapping.status", ATTACHED),
        ("block-device-mapping.volume-id", |_, i| many(i.volumes.iter().map(|m| m.volume.as_str()))),
        ("capacity-reservation-id", |_, i| many(&i.capacity)),
        ("capacity-reservation-specification.capacity-reservation-preference", |_, i| {
            many(i.target.preference())
        }),
        ("capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id", |_, i| {
            many(match &i.target {
                ReservationTarget::Named(id) => Some(id),
                _ => None,
            })
        }),
        ("client-token", |_, i| one(&i.token)),
        ("current-instance-boot-mode", |_, _| one("legacy-bios")),
        ("dns-name", PUBLIC_NAME),
        ("ebs-optimized", |_, i| flag(i.ebs_optimized)),
        ("ena-support", YES),
        ("enclave-options.enabled", NO),
        ("group-id", GROUP_IDS),
        ("group-name", GROUP_NAMES),
        ("hibernation-options.configured", |_, i| flag(i.hibernation)),
        ("hypervisor", |_, _| one("xen")),
        ("iam-instance-profile.arn", |desk, i| {
            let arn = |name: &str| desk.iam.profile_arn(desk.account, desk.partition(), name);
            owned(i.profile.as_ref().map(|(_, name)| arn(name)))
        }),
        ("iam-instance-profile.id", |desk, i| {
            owned(i.profile.as_ref().map(|(_, name)| desk.iam.profile_id(name)))
        }),
        ("iam-instance-profile.name", |_, i| many(i.profile.as_ref().map(|(_, name)| name))),
        ("image-id", |_, i| one(&i.image)),
        ("instance-id", |_, i| one(&i.id)),
        ("instance-lifecycle", |_, i| many(i.spot_request.as_ref().map(|_| "spot"))),
        ("instance-state-code", STATE_CODE),
        ("instance-state-name", STATE),
        ("instance-type", |_, i| one(&i.instance_type)),
        ("instance.group-id", GROUP_IDS),
        ("instance.group-name", GROUP_NAMES),
        ("ip-address", PUBLIC_IP),
        ("key-name", |_, i| many(&i.key)),
        ("launch-index", |_, i| own(i.index)),
        ("launch-time", |_, i| at(i.launched)),
        ("maintenance-options.auto-recovery", |_, _| one("default")),
        ("metadata-options.http-endpoint", |_, i| one(&i.metadata.endpoint)),
        ("metadata-options.http-protocol-ipv4", |_, i| one(&i.metadata.endpoint)),
        ("metadata-options.http-protocol-ipv6", |_, i| one(&i.metadata.ipv6)),
        ("metadata-options.http-put-response-hop-limit", |_, i| own(i.metadata.hops)),
        ("metadata-options.http-tokens", |_, i| one(&i.metadata.tokens)),
        ("metadata-options.instance-metadata-tags", |_, i| one(&i.metadata.tags)),
        ("metadata-options.state", |_, _| one("applied")),
        ("monitoring-state", |_, i| one(if i.monitoring { "enabled" } else { "disabled" })),
        ("network-interface.addresses.association.allocation-id", ALLOCATION),
        ("network-interface.addresses.association.association-id", ASSOCIATION),
        ("network-interface.addresses.association.ip-owner-id", IP_OWNER),
        ("network-interface.addresses.association.public-dns-name", PUBLIC_NAME),
        ("network-interface.addresses.association.public-ip", PUBLIC_IP),
        ("network-interface.addresses.primary", YES),
        ("network-interface.addresses.private-dns-name", PRIVATE_NAME),
        ("network-interface.addresses.private-ip-address", PRIVATE_IP),
        ("network-interface.association.allocation-id", ALLOCATION),
        ("network-interface.association.association-id", ASSOCIATION),
        ("network-interface.association.ip-owner-id", IP_OWNER),
        ("network-interface.association.public-dns-name", PUBLIC_NAME),
        ("network-interface.association.public-ip", PUBLIC_IP),
        ("network-interface.attachment.attach-time", |_, i| at(i.created)),
        ("network-interface.attachment.attachment-id", |_, i| own(node(i.attachment()).as_str())),
        ("network-interface.attachment.delete-on-termination", YES),
        ("network-interface.attachment.device-index", |_, _| one("0")),
        ("network-interface.attachment.instance-id", |_, i| one(&i.id)),
        ("network-interface.attachment.instance-owner-id", OWNER),
        ("network-interface.attachment.network-card-index", |_, _| one("0")),
        ("network-interface.attachment.status", ATTACHED),
        ("network-interface.availability-zone", ZONE),
        ("network-interface.description", |_, _| one("")),
        ("network-interface.group-id", GROUP_IDS),
        ("network-interface.group-name", GROUP_NAMES),
        ("network-interface.mac-address", |_, i| own(node(MacAddress(&i.interface)).as_str())),
        ("network-interface.network-interface-id", |_, i| one(&i.interface)),
        ("network-interface.owner-id", OWNER),
        ("network-interface.private-dns-name", PRIVATE_NAME),
        ("network-interface.private-ip-address", PRIVATE_IP),
        ("network-interface.public-dns-name", PUBLIC_NAME),
        ("network-interface.requester-managed", NO),
        ("network-interface.source-dest-check", YES),
        ("network-interface.status", |_, _| one("in-use")),
        ("network-interface.subnet-id", SUBNET),
        ("network-interface.vpc-id", VPC),
        ("owner-id", OWNER),
        ("placement.availability-zone", ZONE),
        ("platform-details", |_, _| one("Linux/UNIX")),
        ("private-dns-name", PRIVATE_NAME),
        ("private-ip-address", PRIVATE_IP),
        ("reason", |_, i| many(i.reason.as_ref().map(|reason| reason.text.as_str()))),
        ("reservation-id", |_, i| one(&i.reservation)),
        ("root-device-name", |_, i| one(root_device(i))),
        ("root-device-type", |_, _| one("ebs")),
        ("source-dest-check", YES),
        ("spot-instance-request-id", |_, i| many(&i.spot_request)),
        ("state-reason-code", |_, i| many(i.reason.as_ref().map(|reason| reason.code.as_str()))),
        ("state-reason-message", |_, i| many(i.reason.as_ref().map(|reason| reason.message.as_str()))),
        ("subnet-id", SUBNET),
        ("tenancy", |_, _| one("default")),
        ("usage-operation", |_, _| one("RunInstances")),
        ("usage-operation-update-time", |_, i| at(i.created)),
        ("virtualization-type", |_, _| one("hvm")),
        ("vpc-id", VPC),
    ],
    bare: &[
        "affinity",
        "boot-mode",
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
        "host-id",
        "ipv6-address",
        "kernel-id",
        "network-interface.addresses.association.carrier-ip",
        "network-interface.addresses.association.customer-owned-ip",
        "network-interface.association.carrier-ip",
        "network-interface.association.customer-owned-ip",
        "network-interface.ipv4-prefixes.ipv4-prefix",
        "network-interface.ipv6-address",
        "network-interface.ipv6-addresses.ipv6-address",
        "network-interface.ipv6-addresses.is-primary-ipv6",
        "network-interface.ipv6-prefixes.ipv6-prefix",
        "network-interface.outpost-arn",
        "network-interface.requester-id",
        "outpost-arn",
        "placement-group-name",
        "placement-partition-number",
        "platform",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "requester-id",
        "tpm-support",
    ],
};

/// The filters of DescribeInstanceStatus.
pub(crate) const STATUSES: FilterTable<SandboxInstance> = FilterTable {
    tags: Some(|i| &i.tags),
    tag: None,
    named: &[
        ("availability-zone", ZONE),
        ("availability-zone-id", ZONE_ID),
        ("event.code", |_, i| many(i.events.iter().map(|event| event.code.as_str()))),
        ("event.description", |_, i| many(i.events.iter().map(|_| MAINTENANCE))),
        ("event.instance-event-id", |_, i| many(i.events.iter().map(|event| event.id.as_str()))),
        ("event.not-before", |_, i| owned(i.events.iter().map(|event| crate::wire::iso(event.at)))),
        ("instance-state-code", STATE_CODE),
        ("instance-state-name", STATE),
        ("instance-status.reachability", |desk, i| many(status_checks(i, desk.now).1)),
        ("instance-status.status", |desk, i| one(status_checks(i, desk.now).0)),
        ("system-status.reachability", |desk, i| many(status_checks(i, desk.now).1)),
        ("system-status.status", |desk, i| one(status_checks(i, desk.now).0)),
    ],
    bare: &["event.not-after", "event.not-before-deadline"],
};
