//! Capacity reservations: places kept for instances, whether they run or not.

use domain::Timestamp;

use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, CapacityReservation, RegionView, ReservationTarget, ResourceKind, ResourceTags,
    SandboxEvent, SandboxInstance, SandboxInstanceState, matches,
};
use crate::engine::filter::{FilterTable, RequestFilters, at, one, own, owned};
use crate::engine::requests::missing_parameter;
use crate::scenario::CapacityRule;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeCapacityReservations.
const FILTERS: FilterTable<CapacityReservation> = FilterTable {
    tags: Some(|held| &held.tags),
    tag: None,
    named: &[
        ("availability-zone", |desk, held| own(desk.zone_name(&held.zone))),
        ("availability-zone-id", |_, held| one(&held.zone)),
        ("end-date", |_, held| owned(held.ends.map(crate::wire::iso))),
        ("end-date-type", |_, held| one(if held.ends.is_some() { "limited" } else { "unlimited" })),
        ("instance-match-criteria", |_, held| one(if held.open { "open" } else { "targeted" })),
        ("instance-platform", |_, held| one(&held.platform)),
        ("instance-type", |_, held| one(&held.instance_type)),
        ("owner-id", |desk, _| own(desk.account)),
        ("start-date", |_, held| at(held.created)),
        ("state", |_, held| one(&held.state)),
        ("tenancy", |_, _| one("default")),
    ],
    bare: &["outpost-arn", "placement-group-arn"],
};

impl RegionView<'_> {
    /// Returns the number of places in a reservation that no instance uses.
    fn unused_places(&self, held: &CapacityReservation) -> u32 {
        let used = self
            .here
            .instances
            .values()
            .filter(|found| found.state.is_up() && found.capacity.as_deref() == Some(&held.id));
        held.places().saturating_sub(used.count()) as u32
    }

    /// Returns the number of unused places for the types and zones of a rule.
    pub(crate) fn unused_slots(&self, rule: &CapacityRule) -> u32 {
        let fits = |held: &&CapacityReservation| {
            matches(&rule.instance_type, &held.instance_type) && matches(&rule.zone, &held.zone)
        };
        self.here.reservations.values().filter(fits).map(|held| self.unused_places(held)).sum()
    }

    /// Returns the unused places with their types. They count against the quotas.
    pub(crate) fn reserved(&self) -> Vec<(&str, u32)> {
        let held = self.here.reservations.values();
        held.map(|held| (held.instance_type.as_str(), self.unused_places(held))).collect()
    }

    /// Returns the reservations that an instance like this one can use in a zone, one entry per
    /// place.
    pub(crate) fn slots(&self, draft: &SandboxInstance, zone: &str, spot: bool) -> Vec<String> {
        if spot || draft.target == ReservationTarget::Never {
            return Vec::new();
        }
        let fits = |held: &&CapacityReservation| {
            let wanted = match &draft.target {
                ReservationTarget::Named(id) => held.id == *id,
                _ => held.open,
            };
            wanted && held.instance_type == draft.instance_type && held.zone == zone
        };
        let found = self.here.reservations.values().filter(fits);
        found.flat_map(|held| (0..self.unused_places(held)).map(|_| held.id.clone())).collect()
    }

    /// Serves CreateCapacityReservation. An open one takes in running instances that match.
    pub(crate) fn create_reservation(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateCapacityReservation")?;
        let name = params.need("InstanceType")?;
        if !self.facts.types.contains_key(name) {
            return Err(ApiError::value(format!("Invalid value '{name}' for InstanceType.")));
        }
        let platform = params.one_of("InstancePlatform", &["Linux/UNIX"])?;
        let platform = platform.ok_or_else(|| missing_parameter("InstancePlatform"))?;
        let zone = match (params.text("AvailabilityZone"), params.text("AvailabilityZoneId")) {
            (Some(name), None) => self.zone_id(name)?,
            (None, Some(id)) => self.known_zone(id)?,
            _ => {
                return Err(ApiError::combination(
                    "Either AvailabilityZone or AvailabilityZoneId must be specified",
                ));
            }
        };
        let count = params.number("InstanceCount")?.ok_or_else(|| missing_parameter("InstanceCount"))?;
        if !(1..=1000).contains(&count) {
            return Err(ApiError::value(format!("Value ({count}) for parameter instanceCount is invalid.")));
        }
        if !self.facts.offered(self.region, &zone, name) {
            return Err(ApiError::new(
                "Unsupported",
                format!("The instance type {name} is not supported in {}.", self.zone_name(&zone)),
            ));
        }
        params.one_of("Tenancy", &["default"])?;
        let open = params.one_of("InstanceMatchCriteria", &["open", "targeted"])? != Some("targeted");
        let ends = self.read_end(params)?;
        let ebs_optimized = params.flag("EbsOptimized")?.unwrap_or(false);
        params.one_of("EphemeralStorage", &["false"])?;
        params.text("ClientToken");
        let mut tags = ResourceTags::new();
        for part in params.parts("TagSpecifications") {
            if part.one_of("ResourceType", &["capacity-reservation"])?.is_some() {
                tags.extend(super::tags::read(&part, "Tag")?);
            }
        }
        tags.extend(read_own(params, "capacity-reservation")?);
        let held = CapacityReservation {
            id: String::new(),
            instance_type: name.to_string(),
            platform: platform.to_string(),
            zone,
            count: count as u32,
            open,
            ebs_optimized,
            created: self.now,
            ends,
            state: "active".to_string(),
            tags,
        };
        let running = if open { self.matching_running(&held) } else { Vec::new() };
        let new = count - running.len() as i64;
        self.within_quota(name, new, false)?;
        if i64::from(self.free_capacity(name, &held.zone, false)) < new {
            return Err(ApiError::new("InsufficientInstanceCapacity", "Insufficient capacity."));
        }
        self.finish_checks(params)?;
        let id = self.ids.id("cr-");
        for instance in running {
            if let Some(found) = self.here.instances.get_mut(&instance) {
                found.capacity = Some(id.clone());
            }
        }
        let held = CapacityReservation { id: id.clone(), ..held };
        if let Some(ends) = held.ends {
            self.plan_event(ends.duration_since(self.now), SandboxEvent::Release { reservation: id.clone() });
        }
        let answer = XmlFields::new().put("capacityReservation", self.reservation_fields(&held));
        self.here.reservations.insert(id, held);
        Ok(answer.into())
    }

    /// Returns the running instances that a new open reservation takes in.
    fn matching_running(&self, held: &CapacityReservation) -> Vec<String> {
        let fits = |found: &&SandboxInstance| {
            matches!(found.state, SandboxInstanceState::Pending | SandboxInstanceState::Running)
                && found.capacity.is_none()
                && found.spot_request.is_none()
                && found.target == ReservationTarget::Open
                && (&found.instance_type, &found.zone) == (&held.instance_type, &held.zone)
        };
        let found = self.here.instances.values().filter(fits).take(held.count as usize);
        found.map(|found| found.id.clone()).collect()
    }

    fn read_end(&self, params: &QueryParamPart<'_>) -> ApiResult<Option<Timestamp>> {
        let kind = params.one_of("EndDateType", &["unlimited", "limited"])?;
        let ends = params.instant("EndDate")?;
        match (kind, ends) {
            (Some("limited"), None) => Err(ApiError::new(
                "MissingParameter",
                "The request must contain the parameter EndDate when EndDateType is limited",
            )),
            (None | Some("unlimited"), Some(_)) => {
                Err(ApiError::combination("EndDate cannot be used unless EndDateType is limited"))
            }
            (_, Some(at)) if at <= self.now => Err(ApiError::value("The end date must be in the future.")),
            (_, ends) => Ok(ends),
        }
    }

    /// Serves CancelCapacityReservation. Instances in it keep running.
    pub(crate) fn cancel_reservation(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = params.need("CapacityReservationId")?;
        let held = self
            .here
            .reservations
            .get(id)
            .ok_or_else(|| ApiError::unknown_id(ResourceKind::Reservation, id))?;
        let (tags, active) = (held.tags.clone(), held.is_active());
        let arn = self.arn("ec2", &format!("capacity-reservation/{id}"));
        self.allow("ec2:CancelCapacityReservation", &arn, &tags, &[])?;
        if !active {
            return Err(ApiError::new(
                "InvalidCapacityReservationState",
                format!("The capacity reservation '{id}' is not in a state from which it can be cancelled."),
            ));
        }
        self.finish_checks(params)?;
        self.end_reservation(id, "cancelled");
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Ends an active reservation at its end date.
    pub(crate) fn expire(&mut self, id: &str) {
        if self.here.reservations.get(id).is_some_and(CapacityReservation::is_active) {
            self.end_reservation(id, "expired");
        }
    }

    fn end_reservation(&mut self, id: &str, state: &str) {
        if let Some(held) = self.here.reservations.get_mut(id) {
            held.state = state.to_string();
        }
        for found in self.here.instances.values_mut().filter(|found| found.capacity.as_deref() == Some(id)) {
            found.capacity = None;
        }
    }

    /// Serves DescribeCapacityReservations.
    pub(crate) fn describe_reservations(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeCapacityReservations")?;
        let ids = params.list("CapacityReservationId");
        if let Some(id) = ids.iter().find(|id| !self.here.reservations.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Reservation, id));
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let named = |held: &&CapacityReservation| ids.is_empty() || ids.contains(&held.id.as_str());
        let rows =
            self.here.reservations.values().filter(named).filter(|held| filters.matches_row(self, held));
        let (rows, next) = self.page(params, rows, (1, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> =
            rows.into_iter().map(|held| self.reservation_fields(held).into()).collect();
        Ok(XmlFields::new().put("capacityReservationSet", nodes).opt("nextToken", next).into())
    }

    fn reservation_fields(&self, held: &CapacityReservation) -> XmlFields {
        let arn = self.arn("ec2", &format!("capacity-reservation/{}", held.id));
        XmlFields::new()
            .put("capacityReservationId", &held.id)
            .put("ownerId", self.account)
            .put("capacityReservationArn", arn)
            .put("availabilityZoneId", &held.zone)
            .put("instanceType", &held.instance_type)
            .put("instancePlatform", &held.platform)
            .put("availabilityZone", self.zone_name(&held.zone))
            .put("tenancy", "default")
            .put("totalInstanceCount", held.places())
            .put("availableInstanceCount", self.unused_places(held))
            .put("ebsOptimized", held.ebs_optimized)
            .put("ephemeralStorage", false)
            .put("state", &held.state)
            .put("startDate", held.created)
            .opt("endDate", held.ends)
            .put("endDateType", if held.ends.is_some() { "limited" } else { "unlimited" })
            .put("instanceMatchCriteria", if held.open { "open" } else { "targeted" })
            .put("createDate", held.created)
            .some("tagSet", tag_nodes(&held.tags))
            .put("reservationType", "default")
    }
}
