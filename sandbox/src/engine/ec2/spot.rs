use super::launch_params::SpotLaunchOptions;
use crate::core::{
    ApiError, ApiResult, ClientTokenUse, RegionView, ResourceKind, SandboxEvent, SandboxInstanceState,
    SpotRequest, StateReason, matches,
};
use crate::engine::filter::{FilterTable, RequestFilters, at, flag, many, one, own, owned};
use crate::engine::requests::token_mismatch;
use crate::scenario::MarketRule;
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeSpotInstanceRequests.
const FILTERS: FilterTable<SpotRequest> = FilterTable {
    tags: Some(|request| &request.tags),
    tag: None,
    named: &[
        ("create-time", |_, request| at(request.created)),
        ("instance-id", |_, request| many(&request.instance)),
        ("launch.block-device-mapping.delete-on-termination", |_, request| {
            owned(request.disks.iter().map(|disk| disk.delete))
        }),
        ("launch.block-device-mapping.device-name", |_, request| {
            many(request.disks.iter().map(|disk| &disk.device))
        }),
        ("launch.block-device-mapping.snapshot-id", |_, request| {
            many(request.disks.iter().filter_map(|disk| disk.snapshot.as_ref()))
        }),
        ("launch.block-device-mapping.volume-size", |_, request| {
            owned(request.disks.iter().map(|disk| disk.size))
        }),
        ("launch.block-device-mapping.volume-type", |_, request| {
            many(request.disks.iter().map(|disk| &disk.kind))
        }),
        ("launch.group-id", |_, request| many(&request.launch.groups)),
        ("launch.group-name", |desk, request| {
            let groups = request.launch.groups.iter().filter_map(|id| desk.here.groups.get(id));
            many(groups.map(|group| &group.name))
        }),
        ("launch.image-id", |_, request| one(&request.launch.image)),
        ("launch.instance-type", |_, request| one(&request.launch.instance_type)),
        ("launch.key-name", |_, request| many(&request.launch.key)),
        ("launch.monitoring-enabled", |_, request| flag(request.launch.monitoring)),
        ("launched-availability-zone", |desk, request| {
            owned(request.zone().map(|zone| desk.zone_name(zone)))
        }),
        ("launched-availability-zone-id", |_, request| many(request.zone())),
        ("product-description", |_, _| one("Linux/UNIX")),
        ("spot-instance-request-id", |_, request| one(&request.id)),
        ("spot-price", |_, request| one(&request.max_price)),
        ("state", |_, request| one(&request.state)),
        ("status-code", |_, request| one(&request.status)),
        ("status-message", |_, request| own(status_message(&request.status))),
        ("type", |_, request| one(if request.persistent { "persistent" } else { "one-time" })),
        ("valid-until", |_, request| owned(request.valid_until.map(crate::wire::iso))),
    ],
    bare: &[
        "availability-zone-group",
        "fault-code",
        "fault-message",
        "launch-group",
        "launch.kernel-id",
        "launch.ramdisk-id",
        "network-interface.addresses.primary",
        "network-interface.delete-on-termination",
        "network-interface.description",
        "network-interface.device-index",
        "network-interface.group-id",
        "network-interface.network-interface-id",
        "network-interface.private-ip-address",
        "network-interface.subnet-id",
        "valid-from",
    ],
};

impl SpotRequest {
    /// Returns the zone id of its latest instance; none before the first launch.
    fn zone(&self) -> Option<&str> {
        Some(self.launch.zone.as_str()).filter(|zone| !zone.is_empty())
    }
}

impl RegionView<'_> {
    pub(crate) fn request_of(&self, instance: &str) -> Option<&SpotRequest> {
        self.here.spot.get(self.here.instances.get(instance)?.spot_request.as_ref()?)
    }

    pub(crate) fn set_request(&mut self, id: Option<&str>, state: &str, status: &str) {
        let now = self.now;
        let Some(request) = id.and_then(|id| self.here.spot.get_mut(id)) else { return };
        if request.state != "cancelled" {
            request.state = state.to_string();
        }
        request.status = status.to_string();
        request.updated = now;
    }

    /// Updates the spot request of a terminated instance: a persistent one opens again, a one-time
    /// one closes.
    pub(crate) fn update_request_of_ended(&mut self, instance: &str, status: &str) {
        let Some(request) = self.request_of(instance).cloned() else { return };
        if request.persistent && request.state != "cancelled" {
            self.set_request(Some(&request.id), "open", "pending-evaluation");
            if let Some(open) = self.here.spot.get_mut(&request.id) {
                open.instance = None;
            }
            self.plan_event(
                self.rules.timing.spot_relaunch.0,
                SandboxEvent::Relaunch { request: request.id },
            );
        } else {
            self.set_request(Some(&request.id), "closed", status);
        }
    }

    /// Fulfills an open request if capacity and price allow: starts its stopped instance, or
    /// launches a new one.
    pub(crate) fn relaunch(&mut self, id: &str) {
        let Some(request) = self.here.spot.get(id).filter(|request| request.state == "open").cloned() else {
            return;
        };
        if request.valid_until.is_some_and(|until| until <= self.now) {
            return self.set_request(Some(id), "closed", "schedule-expired");
        }
        let held = request.instance.as_ref().and_then(|held| self.here.instances.get(held));
        let held = held.map(|found| (found.id.clone(), found.state, found.zone.clone()));
        // A stopped instance can start only in its own zone.
        let zones = match &held {
            Some((_, SandboxInstanceState::Stopped, zone)) => vec![zone.clone()],
            _ => request.zones.clone(),
        };
        let name = &request.launch.instance_type;
        let stopped = matches!(held, Some((_, SandboxInstanceState::Stopped, _)));
        let has_room = |zone: &&String| {
            self.free_capacity(name, zone, true) > 0 && (stopped || self.free_addresses(zone) > 0)
        };
        let Some(zone) = zones.iter().find(has_room) else {
            return self.try_again(id, "capacity-not-available");
        };
        if self.price_is_enough(Some(&request.max_price), name, zone).is_err() {
            return self.try_again(id, "price-too-low");
        }
        match held {
            Some((stopped, SandboxInstanceState::Stopped, _)) => self.start(&stopped),
            // The instance is still stopping.
            Some((_, SandboxInstanceState::Stopping, _)) => self.try_again(id, &request.status),
            _ => {
                let new = self.launch_for_request(&request, zone);
                if let Some(held) = self.here.spot.get_mut(id) {
                    held.instance = Some(new);
                    held.launch.zone = zone.clone();
                }
                self.set_request(Some(id), "active", "fulfilled");
            }
        }
    }

    /// Plans the next attempt of an open request.
    fn try_again(&mut self, id: &str, status: &str) {
        self.set_request(Some(id), "open", status);
        self.plan_event(
            self.rules.timing.spot_relaunch.0,
            SandboxEvent::Relaunch { request: id.to_string() },
        );
    }

    /// Serves RequestSpotInstances. The requests stay open until there is capacity at their price.
    pub(crate) fn request_spot(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let count = params.number("InstanceCount")?.unwrap_or(1);
        if !(1..=1000).contains(&count) {
            return Err(ApiError::value(format!("Value ({count}) for parameter instanceCount is invalid.")));
        }
        let spot = read_request(params)?;
        let mut inner = params.params().under("LaunchSpecification");
        inner.set("MinCount", "1");
        inner.set("MaxCount", "1");
        let whole = inner.whole();
        let launch = self.read_launch(&whole, Some(spot.clone()))?;
        inner.check_all_read()?;
        self.may_launch(&launch)?;
        self.allow_any("ec2:RequestSpotInstances")?;
        self.within_quota(&launch.draft.instance_type, count, true)?;
        let tags = super::tags::read_own(params, "spot-instances-request")?;
        let from = params.instant("ValidFrom")?.unwrap_or(self.now).max(self.now);
        let token = params.text("ClientToken").map(|token| format!("spot {token}"));
        let form = params.params().encode();
        let known = token.as_ref().and_then(|token| self.here.tokens.get(token));
        if known.is_some_and(|known| known.form != form) {
            return Err(token_mismatch());
        }
        let known = known.map(|known| known.answer.clone());
        self.finish_checks(params)?;
        let ids: Vec<String> = match known {
            Some(ids) => ids.split(' ').map(String::from).collect(),
            None => {
                let after = from.duration_since(self.now) + self.rules.timing.visible_after.0;
                let mut ids = Vec::new();
                for _ in 0..count {
                    let id = self.request_for(&launch, &spot, tags.clone());
                    self.plan_event(after, SandboxEvent::Relaunch { request: id.clone() });
                    ids.push(id);
                }
                ids
            }
        };
        if let Some(token) = token {
            self.here.tokens.insert(token, ClientTokenUse { form, answer: ids.join(" ") });
        }
        let nodes: Vec<XmlContent> = ids
            .iter()
            .filter_map(|id| self.here.spot.get(id))
            .map(|found| self.request_node(found))
            .collect();
        Ok(XmlFields::new().put("spotInstanceRequestSet", nodes).into())
    }

    /// Sends the interruption notice to a running spot instance.
    pub(crate) fn send_interruption_notice(&mut self, id: &str) -> ApiResult<()> {
        let behaviour = self.request_of(id).map(|request| request.behaviour.clone());
        let found =
            self.here.instances.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, id))?;
        let (Some(behaviour), SandboxInstanceState::Running) = (behaviour, found.state) else {
            return Err(ApiError::new(
                "IncorrectInstanceState",
                format!("The instance '{id}' is not a running Spot Instance"),
            ));
        };
        // Hibernation starts at once, without the usual two minutes.
        let after = if behaviour == "hibernate" {
            jiff::SignedDuration::ZERO
        } else {
            self.rules.timing.spot_notice.0
        };
        let at = self.now + after;
        let now = self.now;
        let Some(found) = self.here.instances.get_mut(id) else { return Ok(()) };
        found.notice = Some((at, behaviour));
        found.rebalance.get_or_insert(now);
        let change = found.change;
        let request = found.spot_request.clone();
        self.plan_event(after, SandboxEvent::Interrupt { instance: id.to_string(), change });
        self.set_request(request.as_deref(), "active", "marked-for-termination");
        Ok(())
    }

    pub(crate) fn reclaim_instance(&mut self, id: &str) {
        let Some(request) = self.request_of(id).cloned() else { return };
        let stopped = "Spot instance stopped due to no capacity";
        match request.behaviour.as_str() {
            "terminate" => {
                let reason =
                    StateReason::server("SpotInstanceTermination", "Spot instance termination", self.now);
                self.terminate(id, reason, "instance-terminated-no-capacity");
            }
            how => {
                let code = if how == "stop" { "SpotInstanceShutdown" } else { "SpotInstanceHibernation" };
                self.stop(id, how == "hibernate", StateReason::server(code, stopped, self.now));
                self.set_request(Some(&request.id), "open", "instance-stopped-no-capacity");
                self.plan_event(
                    self.rules.timing.spot_relaunch.0,
                    SandboxEvent::Relaunch { request: request.id },
                );
            }
        }
    }

    /// Returns how many more instances of a type the scenario's capacity rules allow in a zone.
    pub(crate) fn free_capacity(&self, name: &str, zone: &str, spot: bool) -> u32 {
        let market = if spot { MarketRule::Spot } else { MarketRule::OnDemand };
        let rule = self.rules.capacity.iter().find(|rule| {
            matches(&rule.instance_type, name)
                && matches(&rule.zone, zone)
                && rule.market.is_none_or(|only| only == market)
                && rule.from.is_none_or(|from| from <= self.now)
                && rule.until.is_none_or(|until| self.now < until)
        });
        let Some(rule) = rule else { return u32::MAX };
        let up = self.here.instances.values().filter(|found| {
            found.state.is_up()
                && matches(&rule.instance_type, &found.instance_type)
                && matches(&rule.zone, &found.zone)
                && (rule.market.is_none() || found.spot_request.is_some() == spot)
        });
        let held = if spot { 0 } else { self.unused_slots(rule) };
        rule.available.saturating_sub(up.count() as u32 + held)
    }

    /// Serves DescribeSpotInstanceRequests.
    pub(crate) fn describe_spot_requests(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSpotInstanceRequests")?;
        let wanted = params.list("SpotInstanceRequestId");
        if let Some(id) = wanted.iter().find(|id| !self.here.spot.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::SpotRequest, id));
        }
        let filters = RequestFilters::read(params, &FILTERS)?;
        let named = |request: &&SpotRequest| wanted.is_empty() || wanted.contains(&request.id.as_str());
        let rows = self.here.spot.values().filter(named).filter(|request| filters.matches_row(self, request));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> = rows.into_iter().map(|request| self.request_node(request)).collect();
        Ok(XmlFields::new().put("spotInstanceRequestSet", nodes).opt("nextToken", next).into())
    }

    fn request_node(&self, request: &SpotRequest) -> XmlContent {
        let status = XmlFields::new()
            .put("code", request.status.as_str())
            .put("message", status_message(&request.status))
            .put("updateTime", request.updated);
        let groups = request.launch.groups.iter().map(|id| {
            let name = self.here.groups.get(id).map(|group| group.name.as_str());
            XmlFields::new().put("groupId", id).opt("groupName", name).into()
        });
        let zone = request.zone();
        let launch = XmlFields::new()
            .put("imageId", &request.launch.image)
            .opt("keyName", request.launch.key.as_ref())
            .put("groupSet", groups.collect::<Vec<XmlContent>>())
            .put("instanceType", &request.launch.instance_type)
            .opt("placement", zone.map(|zone| XmlFields::new().put("availabilityZone", self.zone_name(zone))))
            .opt("subnetId", zone.map(|zone| self.subnet_of(zone)))
            .within("monitoring", |fields| fields.put("enabled", request.launch.monitoring));
        XmlFields::new()
            .put("spotInstanceRequestId", request.id.as_str())
            .put("spotPrice", request.max_price.as_str())
            .put("type", if request.persistent { "persistent" } else { "one-time" })
            .put("state", request.state.as_str())
            .put("status", status)
            .put("launchSpecification", launch)
            .opt("instanceId", request.instance.as_deref())
            .put("createTime", request.created)
            .put("productDescription", "Linux/UNIX")
            .opt("validUntil", request.valid_until)
            .some("tagSet", super::tags::nodes(&request.tags))
            .opt("launchedAvailabilityZone", zone.map(|zone| self.zone_name(zone)))
            .opt("launchedAvailabilityZoneId", zone)
            .put("instanceInterruptionBehavior", request.behaviour.as_str())
            .into()
    }

    /// Serves CancelSpotInstanceRequests: a running instance continues, a stopped one is
    /// terminated.
    pub(crate) fn cancel_spot_requests(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let ids = params.list("SpotInstanceRequestId");
        if let Some(id) = ids.iter().find(|id| !self.here.spot.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::SpotRequest, id));
        }
        for id in &ids {
            let tags = self.here.spot[*id].tags.clone();
            let arn = self.arn("ec2", &format!("spot-instances-request/{id}"));
            self.allow("ec2:CancelSpotInstanceRequests", &arn, &tags, &[])?;
        }
        self.finish_checks(params)?;
        let mut nodes = Vec::new();
        for id in ids {
            let request = self.here.spot[id].clone();
            let running = request.instance.as_ref().and_then(|id| self.here.instances.get(id));
            let state = running.map(|found| found.state);
            if request.state != "closed" {
                let live = state.is_some_and(|state| !state.is_over());
                let status = if live {
                    "request-canceled-and-instance-running"
                } else {
                    "canceled-before-fulfillment"
                };
                self.set_request(Some(id), "cancelled", status);
            }
            if let (Some(SandboxInstanceState::Stopped | SandboxInstanceState::Stopping), Some(instance)) =
                (state, &request.instance)
            {
                let reason =
                    StateReason::server("SpotInstanceTermination", "Spot request cancelled", self.now);
                self.terminate(instance, reason, "instance-terminated-by-user");
            }
            nodes.push(
                XmlFields::new()
                    .put("spotInstanceRequestId", id)
                    .put("state", self.here.spot[id].state.as_str())
                    .into(),
            );
        }
        Ok(XmlFields::new().put("spotInstanceRequestSet", nodes).into())
    }
}

/// Reads the spot options of RequestSpotInstances.
fn read_request(params: &QueryParamPart<'_>) -> ApiResult<SpotLaunchOptions> {
    let persistent = params.one_of("Type", &["one-time", "persistent"])? == Some("persistent");
    let behaviour = params
        .one_of("InstanceInterruptionBehavior", &["terminate", "stop", "hibernate"])?
        .unwrap_or("terminate");
    if !persistent && behaviour != "terminate" {
        return Err(ApiError::combination(
            "one-time Spot Instance requests are only supported when the instance interruption behavior is terminate",
        ));
    }
    let max_price = params.text("SpotPrice").map(String::from);
    if max_price.as_ref().is_some_and(|price| !price.parse::<f64>().is_ok_and(|price| price > 0.0)) {
        return Err(ApiError::value("Invalid value for spotPrice."));
    }
    let valid_until = params.instant("ValidUntil")?;
    Ok(SpotLaunchOptions { persistent, behaviour: behaviour.to_string(), max_price, valid_until })
}

/// Returns the message of a status code ("Spot request status codes", user guide).
fn status_message(code: &str) -> String {
    match code {
        "fulfilled" => "Your Spot request is fulfilled.".to_string(),
        "pending-evaluation" => {
            "Your Spot request has been submitted for review, and is pending evaluation.".to_string()
        }
        "price-too-low" => "Your price is lower than the current Spot price.".to_string(),
        "capacity-not-available" => {
            "There is no Spot capacity available that matches your request.".to_string()
        }
        "marked-for-termination" => "Your Spot Instance is marked for termination.".to_string(),
        other => other.replace('-', " "),
    }
}
