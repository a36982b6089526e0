use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, ElasticIp, RegionView, ResourceKind, SandboxInstance, SandboxInstanceState,
};
use crate::engine::filter::{FilterTable, RequestFilters, many, one};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeAddresses.
const FILTERS: FilterTable<ElasticIp> = FilterTable {
    tags: Some(|address| &address.tags),
    tag: None,
    named: &[
        ("allocation-id", |_, address| one(&address.id)),
        ("association-id", |desk, address| many(desk.holder(address).map(|_| &address.association))),
        ("domain", |_, _| one("vpc")),
        ("instance-id", |_, address| many(&address.instance)),
        ("network-border-group", |desk, _| one(desk.region)),
        ("network-interface-id", |desk, address| many(desk.holder(address).map(|found| &found.interface))),
        ("network-interface-owner-id", |desk, address| many(desk.holder(address).map(|_| desk.account))),
        ("private-ip-address", |desk, address| many(desk.holder(address).map(|found| &found.private_ip))),
        ("public-ip", |_, address| one(&address.ip)),
    ],
    bare: &[],
};

impl RegionView<'_> {
    /// Returns the Elastic IP address of an instance.
    pub(crate) fn elastic_of(&self, instance: &str) -> Option<&ElasticIp> {
        self.here.addresses.values().find(|address| address.instance.as_deref() == Some(instance))
    }

    /// Returns the public address of an instance that starts or has lost its Elastic IP: an Elastic
    /// IP, else a new address if it gets public ones.
    pub(crate) fn address_for(&mut self, instance: &str) -> Option<String> {
        if let Some(held) = self.elastic_of(instance) {
            return Some(held.ip.clone());
        }
        self.here.instances.get(instance).filter(|found| found.public)?;
        self.here.handed_out += 1;
        Some(self.public_ip(self.here.handed_out))
    }

    /// Returns the instance that an address is associated with.
    fn holder(&self, address: &ElasticIp) -> Option<&SandboxInstance> {
        self.here.instances.get(address.instance.as_ref()?)
    }

    pub(crate) fn allocate_address(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:AllocateAddress")?;
        params.one_of("Domain", &["vpc"])?;
        let tags = read_own(params, "elastic-ip")?;
        if self.here.addresses.len() >= 5 {
            return Err(ApiError::new(
                "AddressLimitExceeded",
                "The maximum number of addresses has been reached.",
            ));
        }
        self.finish_checks(params)?;
        self.here.handed_out += 1;
        let address = ElasticIp {
            id: self.ids.id("eipalloc-"),
            ip: self.public_ip(self.here.handed_out),
            association: String::new(),
            instance: None,
            tags,
        };
        let node = XmlFields::new()
            .put("publicIp", &address.ip)
            .put("allocationId", &address.id)
            .put("domain", "vpc")
            .put("networkBorderGroup", self.region)
            .put("publicIpv4Pool", "amazon");
        self.here.addresses.insert(address.id.clone(), address);
        Ok(node.into())
    }

    /// Serves AssociateAddress, DisassociateAddress and ReleaseAddress.
    pub(crate) fn change_address(
        &mut self,
        params: &QueryParamPart<'_>,
        action: &str,
    ) -> ApiResult<XmlContent> {
        self.allow_any(&format!("ec2:{action}"))?;
        let by_association = params.text("AssociationId");
        let id = match (params.text("AllocationId"), by_association) {
            (Some(id), _) => id.to_string(),
            (None, Some(association)) => {
                let found = self
                    .here
                    .addresses
                    .values()
                    .find(|address| address.instance.is_some() && address.association == association);
                found.map(|address| address.id.clone()).ok_or_else(|| {
                    ApiError::new(
                        "InvalidAssociationID.NotFound",
                        format!("The association ID '{association}' does not exist"),
                    )
                })?
            }
            (None, None) => {
                return Err(ApiError::new(
                    "MissingParameter",
                    "The request must contain the parameter AllocationId",
                ));
            }
        };
        let held =
            self.here.addresses.get(&id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Address, &id))?;
        let instance = if action == "AssociateAddress" {
            let instance = params.need("InstanceId")?;
            let again = params.flag("AllowReassociation")?.unwrap_or(true);
            let found = self
                .visible(instance)
                .ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, instance))?;
            if found.state.is_over() || (found.state == SandboxInstanceState::Pending) {
                return Err(ApiError::new(
                    "InvalidInstanceID",
                    "The pending instance is not in a valid state for this operation.",
                ));
            }
            if held.instance.is_some() && !again {
                return Err(ApiError::new(
                    "Resource.AlreadyAssociated",
                    format!("resource {id} is already associated with associate-id {}", held.association),
                ));
            }
            Some(instance.to_string())
        } else {
            None
        };
        if action == "ReleaseAddress" && held.instance.is_some() {
            return Err(ApiError::new("InvalidIPAddress.InUse", format!("Address {} is in use.", held.ip)));
        }
        self.finish_checks(params)?;
        if action == "ReleaseAddress" {
            self.here.addresses.remove(&id);
            return Ok(XmlFields::new().put("return", true).into());
        }
        let association = self.ids.id("eipassoc-");
        // An instance has one Elastic IP: its previous one becomes free.
        let before = instance.as_ref().and_then(|id| self.elastic_of(id)).map(|held| held.id.clone());
        if let Some(before) = before.and_then(|id| self.here.addresses.get_mut(&id)) {
            before.instance = None;
        }
        let held = self.here.addresses.get_mut(&id).expect("it was found");
        held.association = association.clone();
        let touched = [std::mem::replace(&mut held.instance, instance.clone()), instance.clone()];
        for id in touched.into_iter().flatten() {
            let up = self.here.instances.get(&id).is_some_and(|found| found.state.is_up());
            let kept = self.elastic_of(&id).map(|address| address.ip.clone());
            let ip = if up { self.address_for(&id) } else { kept };
            if let Some(found) = self.here.instances.get_mut(&id) {
                found.public_ip = ip;
            }
        }
        Ok(match instance {
            Some(_) => XmlFields::new().put("associationId", association).into(),
            None => XmlFields::new().put("return", true).into(),
        })
    }

    pub(crate) fn describe_addresses(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeAddresses")?;
        let ids = params.list("AllocationId");
        let ips = params.list("PublicIp");
        if let Some(id) = ids.iter().find(|id| !self.here.addresses.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Address, id));
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let mut nodes: Vec<XmlContent> = Vec::new();
        for address in self.here.addresses.values() {
            let named = (ids.is_empty() || ids.contains(&address.id.as_str()))
                && (ips.is_empty() || ips.contains(&address.ip.as_str()));
            if named && filters.matches_row(self, address) {
                let holder = self.holder(address);
                let associated = holder.map(|_| address.association.as_str());
                let node = XmlFields::new()
                    .put("publicIp", &address.ip)
                    .put("allocationId", &address.id)
                    .put("domain", "vpc")
                    .opt("instanceId", address.instance.as_deref())
                    .opt("associationId", associated)
                    .opt("networkInterfaceId", holder.map(|found| &found.interface))
                    .opt("networkInterfaceOwnerId", holder.map(|_| self.account))
                    .opt("privateIpAddress", holder.map(|found| &found.private_ip))
                    .put("networkBorderGroup", self.region)
                    .put("publicIpv4Pool", "amazon")
                    .some("tagSet", tag_nodes(&address.tags));
                nodes.push(node.into());
            }
        }
        self.finish_checks(params)?;
        Ok(XmlFields::new().put("addressesSet", nodes).into())
    }
}
