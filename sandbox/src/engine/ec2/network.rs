use crate::core::{
    ApiError, ApiResult, RegionNetwork, RegionView, ResourceKind, ResourceTags, SandboxInstance,
    SandboxInstanceState, derived_id,
};
use crate::engine::filter::{FilterTable, RequestFilters, flag, one, own};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// Usable addresses in a subnet: 4,096 minus the first four and the last.
const ADDRESSES: i64 = 4091;

/// The address range of every default VPC.
const VPC_RANGE: &str = "172.31.0.0/16";

struct DefaultSubnet {
    id: String,
    /// The zone id.
    zone: String,
    range: String,
}

/// The filters of DescribeVpcs.
const VPC_FILTERS: FilterTable<RegionNetwork> = FilterTable {
    tags: Some(|_| no_tags()),
    tag: None,
    named: &[
        ("cidr", |_, _| one(VPC_RANGE)),
        ("cidr-block-association.association-id", |desk, _| own(desk.vpc_association())),
        ("cidr-block-association.cidr-block", |_, _| one(VPC_RANGE)),
        ("cidr-block-association.state", |_, _| one("associated")),
        ("dhcp-options-id", |desk, _| own(desk.dhcp_options())),
        ("is-default", |desk, _| flag(desk.has_default_vpc())),
        ("isDefault", |desk, _| flag(desk.has_default_vpc())),
        ("owner-id", |desk, _| own(desk.account)),
        ("state", |_, _| one("available")),
        ("vpc-id", |_, network| one(&network.vpc)),
    ],
    bare: &[
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.ipv6-pool",
        "ipv6-cidr-block-association.state",
    ],
};

/// The filters of DescribeSubnets.
const SUBNET_FILTERS: FilterTable<DefaultSubnet> = FilterTable {
    tags: Some(|_| no_tags()),
    tag: None,
    named: &[
        ("availability-zone", |desk, subnet| own(desk.zone_name(&subnet.zone))),
        ("availability-zone-id", |_, subnet| one(&subnet.zone)),
        ("available-ip-address-count", |desk, subnet| own(desk.free_addresses(&subnet.zone))),
        ("cidr-block", |_, subnet| one(&subnet.range)),
        ("default-for-az", |desk, _| flag(desk.has_default_vpc())),
        ("defaultForAz", |desk, _| flag(desk.has_default_vpc())),
        ("enable-dns64", |_, _| flag(false)),
        ("ipv6-native", |_, _| flag(false)),
        ("map-customer-owned-ip-on-launch", |_, _| flag(false)),
        ("map-public-ip-on-launch", |desk, _| flag(desk.has_default_vpc())),
        ("owner-id", |desk, _| own(desk.account)),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-a-record", |_, _| flag(false)),
        ("private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record", |_, _| flag(false)),
        ("private-dns-name-options-on-launch.hostname-type", |_, _| one("ip-name")),
        ("state", |_, _| one("available")),
        ("subnet-arn", |desk, subnet| own(desk.arn("ec2", &format!("subnet/{}", subnet.id)))),
        ("subnet-id", |_, subnet| one(&subnet.id)),
        ("vpc-id", |desk, _| one(&desk.here.network.vpc)),
    ],
    bare: &[
        "customer-owned-ipv4-pool",
        "enable-lni-at-device-index",
        "ipv6-cidr-block-association.association-id",
        "ipv6-cidr-block-association.ipv6-cidr-block",
        "ipv6-cidr-block-association.state",
        "outpost-arn",
    ],
};

fn no_tags() -> &'static ResourceTags {
    const NONE: &ResourceTags = &ResourceTags::new();
    NONE
}

impl RegionView<'_> {
    pub(crate) fn vpc(&self) -> String {
        self.here.network.vpc.clone()
    }

    /// Returns whether the region's VPC is the default one. Subnets of another one assign no public
    /// addresses, and a launch must name one of them.
    pub(crate) fn has_default_vpc(&self) -> bool {
        self.rules.default_vpc.0
    }

    pub(crate) fn subnet_of(&self, zone: &str) -> String {
        self.here.network.subnets.get(zone).cloned().unwrap_or_default()
    }

    pub(crate) fn subnet_zone(&self, subnet: &str) -> ApiResult<String> {
        let found = self.here.network.subnets.iter().find(|(_, id)| *id == subnet);
        found.map(|(zone, _)| zone.clone()).ok_or_else(|| ApiError::unknown_id(ResourceKind::Subnet, subnet))
    }

    /// Returns the number of free private addresses in a zone's subnet.
    pub(crate) fn free_addresses(&self, zone: &str) -> i64 {
        let holds =
            |found: &&SandboxInstance| found.zone == zone && found.state != SandboxInstanceState::Terminated;
        ADDRESSES - self.here.instances.values().filter(holds).count() as i64
    }

    /// Returns the next free private address in a zone's subnet. One must be left.
    pub(crate) fn private_ip(&mut self, zone: &str) -> String {
        let subnet = self.here.network.subnets.keys().position(|known| known == zone).unwrap_or(0) as i64;
        loop {
            let given = self.here.network.given.entry(zone.to_string()).or_default();
            let number = *given;
            *given += 1;
            // AWS reserves the first four addresses of a subnet.
            let host = number % ADDRESSES + 4;
            let ip = format!("172.31.{}.{}", subnet * 16 + host / 256, host % 256);
            let held = |found: &SandboxInstance| {
                found.private_ip == ip && found.state != SandboxInstanceState::Terminated
            };
            // In the first round every address is new.
            if number < ADDRESSES || !self.here.instances.values().any(held) {
                return ip;
            }
        }
    }

    /// Returns an address in 198.18.0.0/15. The range is reserved for tests (RFC 2544), so no real
    /// host has it.
    pub(crate) fn public_ip(&self, number: u32) -> String {
        format!("198.{}.{}.{}", 18 + (number / 62_500) % 2, (number / 250) % 250, number % 250 + 1)
    }

    pub(crate) fn describe_vpcs(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeVpcs")?;
        let ids = params.list("VpcId");
        let vpc = self.vpc();
        if let Some(id) = ids.iter().find(|id| **id != vpc) {
            return Err(ApiError::unknown_id(ResourceKind::Vpc, id));
        }
        let rows = Some(&self.here.network).into_iter();
        let filters = RequestFilters::read(params, &VPC_FILTERS)?;
        let rows = rows.filter(|network| filters.matches_row(self, network));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let block = XmlFields::new()
            .put("cidrBlock", VPC_RANGE)
            .put("associationId", self.vpc_association())
            .within("cidrBlockState", |fields| fields.put("state", "associated"));
        let node = XmlFields::new()
            .put("vpcId", vpc)
            .put("dhcpOptionsId", self.dhcp_options())
            .put("cidrBlockAssociationSet", vec![block.into()])
            .put("ownerId", self.account)
            .put("state", "available")
            .put("cidrBlock", VPC_RANGE)
            .put("instanceTenancy", "default")
            .put("isDefault", self.has_default_vpc());
        let nodes = if rows.is_empty() { Vec::new() } else { vec![node.into()] };
        Ok(XmlFields::new().put("vpcSet", nodes).opt("nextToken", next).into())
    }

    fn dhcp_options(&self) -> String {
        derived_id("dopt-", self.seed, &[self.account, self.region])
    }

    fn vpc_association(&self) -> String {
        derived_id("vpc-cidr-assoc-", self.seed, &[self.account, self.region])
    }

    pub(crate) fn describe_subnets(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSubnets")?;
        let ids = params.list("SubnetId");
        for id in &ids {
            self.subnet_zone(id)?;
        }
        let filters = RequestFilters::read(params, &SUBNET_FILTERS)?;
        let subnets = self.here.network.subnets.iter().enumerate();
        let subnets = subnets.map(|(number, (zone, id))| DefaultSubnet {
            id: id.clone(),
            zone: zone.clone(),
            range: format!("172.31.{}.0/20", number * 16),
        });
        let rows = subnets.filter(|subnet| ids.is_empty() || ids.contains(&subnet.id.as_str()));
        let (rows, next) = self.page(params, rows.filter(|row| filters.matches_row(self, row)), (5, 1000))?;
        self.finish_checks(params)?;
        let answer = XmlFields::new().each("subnetSet", rows, |fields, subnet| {
            fields
                .put("subnetId", &subnet.id)
                .put("subnetArn", self.arn("ec2", &format!("subnet/{}", subnet.id)))
                .put("state", "available")
                .put("ownerId", self.account)
                .put("vpcId", &self.here.network.vpc)
                .put("cidrBlock", &subnet.range)
                .put("availableIpAddressCount", self.free_addresses(&subnet.zone))
                .put("availabilityZone", self.zone_name(&subnet.zone))
                .put("availabilityZoneId", &subnet.zone)
                .put("defaultForAz", self.has_default_vpc())
                .put("mapPublicIpOnLaunch", self.has_default_vpc())
                .put("assignIpv6AddressOnCreation", false)
                .put("ipv6Native", false)
                .within("privateDnsNameOptionsOnLaunch", |fields| {
                    fields
                        .put("hostnameType", "ip-name")
                        .put("enableResourceNameDnsARecord", false)
                        .put("enableResourceNameDnsAAAARecord", false)
                })
        });
        Ok(answer.opt("nextToken", next).into())
    }
}
