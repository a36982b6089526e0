//! CreateFleet with the type instant: one call that tries several types and zones.

use domain::Decimal;

use super::prices::LINUX;
use crate::core::{ApiError, ApiResult, RegionView, ResourceTags, derived_fraction};
use crate::engine::requests::missing_parameter;
use crate::wire::{QueryParamPart, QueryParams, XmlContent, XmlFields, texts};

/// One way to launch: a template with one set of overrides.
struct FleetOffer<'a> {
    template: QueryParamPart<'a>,
    overrides: QueryParamPart<'a>,
    params: QueryParams,
    told: ResourceTags,
    instance_type: String,
    weight: i64,
    priority: f64,
    max_price: Option<String>,
}

/// The instances that one launch of an offer created.
struct FleetLaunch {
    offer: usize,
    spot: bool,
    instances: Vec<String>,
}

/// A launch of an offer that failed.
struct FleetLaunchFailure {
    offer: usize,
    spot: bool,
    error: ApiError,
}

const ON_DEMAND: [&str; 2] = ["lowest-price", "prioritized"];
const SPOT: [&str; 5] = [
    "lowest-price",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
];

impl RegionView<'_> {
    /// Serves CreateFleet. The answer lists failed launches beside successful ones.
    pub(crate) fn create_fleet(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateFleet")?;
        if params.one_of("Type", &["instant", "request", "maintain"])? != Some("instant") {
            return Err(ApiError::new(
                "UnsupportedOperation",
                "The sandbox serves fleets of the type instant only",
            ));
        }
        let target = params.part("TargetCapacitySpecification");
        let total = target.number("TotalTargetCapacity")?;
        let total =
            total.ok_or_else(|| missing_parameter("TargetCapacitySpecification.TotalTargetCapacity"))?;
        let (on_demand, spot) = shares(&target, total)?;
        let on_demand_way = params.part("OnDemandOptions").one_of("AllocationStrategy", &ON_DEMAND)?;
        let options = params.part("SpotOptions");
        let spot_way = options.one_of("AllocationStrategy", &SPOT)?;
        options.one_of("InstanceInterruptionBehavior", &["terminate"])?;
        params.text("ClientToken");
        let tags = fleet_tags(params)?;
        let offers = self.offers(params)?;
        self.finish_checks(params)?;
        let id = self.ids.id("fleet-");
        let (mut launched, mut failed) = (Vec::new(), Vec::new());
        for (count, spot, way) in [(on_demand, false, on_demand_way), (spot, true, spot_way)] {
            let order = self.offers_in_order(&offers, spot, way.unwrap_or("lowest-price"));
            let spread = way == Some("diversified");
            self.launch_in_order(
                &offers,
                &order,
                (count, spot, spread),
                (&id, &tags),
                &mut launched,
                &mut failed,
            );
        }
        Ok(self.fleet_answer(&id, &offers, &launched, failed))
    }

    /// Returns every combination of a template and its overrides.
    fn offers<'a>(&self, params: &QueryParamPart<'a>) -> ApiResult<Vec<FleetOffer<'a>>> {
        let mut offers = Vec::new();
        for config in params.parts("LaunchTemplateConfigs") {
            let template = config.part("LaunchTemplateSpecification");
            let (data, told) = self.template_data(&template)?;
            let mut overrides = config.parts("Overrides");
            if overrides.is_empty() {
                overrides.push(config.part("Overrides"));
            }
            for part in overrides {
                let mut inner = QueryParams::default();
                let mut set = |name: &str, value: Option<&str>| {
                    if let Some(value) = value {
                        inner.set(name, value);
                    }
                };
                set("InstanceType", part.text("InstanceType"));
                set("ImageId", part.text("ImageId"));
                set("SubnetId", part.text("SubnetId"));
                set("Placement.AvailabilityZone", part.text("AvailabilityZone"));
                set("Placement.AvailabilityZoneId", part.text("AvailabilityZoneId"));
                let weight = part.number("WeightedCapacity")?.unwrap_or(1);
                let number = |text: &str| {
                    text.parse().map_err(|_| ApiError::value(format!("{text} is not a valid Priority")))
                };
                let inner = inner.over(&data);
                let instance_type = inner.whole().text("InstanceType").unwrap_or("m1.small").to_string();
                offers.push(FleetOffer {
                    template: template.clone(),
                    max_price: part.text("MaxPrice").map(String::from),
                    priority: part.text("Priority").map(number).transpose()?.unwrap_or(f64::MAX),
                    overrides: part,
                    params: inner,
                    told: told.clone(),
                    instance_type,
                    weight: weight.max(1),
                });
            }
        }
        if offers.is_empty() {
            return Err(missing_parameter("LaunchTemplateConfigs"));
        }
        Ok(offers)
    }

    /// Returns the offers in the order in which they are tried.
    fn offers_in_order(&self, offers: &[FleetOffer<'_>], spot: bool, way: &str) -> Vec<usize> {
        let price = |offer: &FleetOffer<'_>| -> Decimal {
            let name = &offer.instance_type;
            let zones = self.zones();
            let hour = if spot {
                zones.iter().filter_map(|zone| self.spot_price(name, zone, LINUX, self.now)).min()
            } else {
                self.on_demand(name)
            };
            hour.unwrap_or(Decimal::MAX) / Decimal::from(offer.weight)
        };
        // AWS does not publish the depth of its pools. Here it is derived from the type's name.
        let depth = |offer: &FleetOffer<'_>| {
            (derived_fraction(self.seed, &["depth", &offer.instance_type]) * 1e6) as i64
        };
        let mut order: Vec<usize> = (0..offers.len()).collect();
        match way {
            "prioritized" | "capacity-optimized-prioritized" => {
                order.sort_by(|a, b| offers[*a].priority.total_cmp(&offers[*b].priority));
            }
            "capacity-optimized" => order.sort_by_key(|at| depth(&offers[*at])),
            _ => order.sort_by_key(|at| price(&offers[*at])),
        }
        order
    }

    /// Launches offers in order until the target is reached.
    fn launch_in_order(
        &mut self,
        offers: &[FleetOffer<'_>],
        order: &[usize],
        (target, spot, spread): (i64, bool, bool),
        (fleet, tags): (&str, &ResourceTags),
        launched: &mut Vec<FleetLaunch>,
        failed: &mut Vec<FleetLaunchFailure>,
    ) {
        let mut left = target;
        let mut open: Vec<usize> = order.to_vec();
        while left > 0 && !open.is_empty() {
            let share = if spread { (left + open.len() as i64 - 1) / open.len() as i64 } else { left };
            let at = open[0];
            let offer = &offers[at];
            let most = (share.min(left) + offer.weight - 1) / offer.weight;
            match self.launch_offer(offer, most, spot, fleet, tags) {
                Ok(instances) => {
                    left -= offer.weight * instances.len() as i64;
                    // An offer that launched fewer than requested has no more capacity.
                    if spread || (instances.len() as i64) < most {
                        open.remove(0);
                    }
                    launched.push(FleetLaunch { offer: at, spot, instances });
                }
                Err(error) => {
                    open.remove(0);
                    failed.push(FleetLaunchFailure { offer: at, spot, error });
                }
            }
        }
    }

    fn launch_offer(
        &mut self,
        offer: &FleetOffer<'_>,
        most: i64,
        spot: bool,
        fleet: &str,
        tags: &ResourceTags,
    ) -> ApiResult<Vec<String>> {
        let mut params = offer.params.clone();
        params.set("MinCount", "1");
        params.set("MaxCount", &most.to_string());
        if spot {
            params.set("InstanceMarketOptions.MarketType", "spot");
            if let Some(price) = &offer.max_price {
                params.set("InstanceMarketOptions.SpotOptions.MaxPrice", price);
            }
        }
        let mut told = offer.told.clone();
        told.insert("aws:ec2:fleet-id".to_string(), fleet.to_string());
        let params = params.with_tags("instance", tags).with_aws_tags(told);
        let reservation = self.launch(&params.whole())?;
        let all = self.here.instances.values().filter(|found| found.reservation == reservation);
        Ok(all.map(|found| found.id.clone()).collect())
    }

    fn fleet_answer(
        &self,
        id: &str,
        offers: &[FleetOffer<'_>],
        launched: &[FleetLaunch],
        failed: Vec<FleetLaunchFailure>,
    ) -> XmlContent {
        let lifecycle = |spot: bool| if spot { "spot" } else { "on-demand" };
        let errors = failed.iter().map(|failed| {
            XmlFields::new()
                .put("launchTemplateAndOverrides", self.offer_fields(&offers[failed.offer]))
                .put("lifecycle", lifecycle(failed.spot))
                .put("errorCode", failed.error.code.as_ref())
                .put("errorMessage", &failed.error.message)
                .into()
        });
        let instances = launched.iter().map(|launched| {
            let found = launched.instances.first().and_then(|id| self.here.instances.get(id));
            XmlFields::new()
                .put("launchTemplateAndOverrides", self.offer_fields(&offers[launched.offer]))
                .put("lifecycle", lifecycle(launched.spot))
                .put("instanceIds", texts(&launched.instances))
                .put("instanceType", &offers[launched.offer].instance_type)
                .opt("availabilityZone", found.map(|found| self.zone_name(&found.zone)))
                .opt("availabilityZoneId", found.map(|found| &found.zone))
                .opt("subnetId", found.map(|found| &found.subnet))
                .into()
        });
        XmlFields::new()
            .put("fleetId", id)
            .put("errorSet", errors.collect::<Vec<XmlContent>>())
            .put("fleetInstanceSet", instances.collect::<Vec<XmlContent>>())
            .into()
    }

    fn offer_fields(&self, offer: &FleetOffer<'_>) -> XmlFields {
        let text = |part: &QueryParamPart<'_>, name| part.text(name).map(String::from);
        XmlFields::new()
            .within("launchTemplateSpecification", |fields| {
                fields
                    .opt("launchTemplateId", offer.told.get("aws:ec2launchtemplate:id"))
                    .opt("version", offer.told.get("aws:ec2launchtemplate:version"))
                    .opt("launchTemplateName", text(&offer.template, "LaunchTemplateName"))
            })
            .within("overrides", |fields| {
                let part = &offer.overrides;
                fields
                    .opt("instanceType", text(part, "InstanceType"))
                    .opt("maxPrice", text(part, "MaxPrice"))
                    .opt("subnetId", text(part, "SubnetId"))
                    .opt("availabilityZone", text(part, "AvailabilityZone"))
                    .opt("weightedCapacity", text(part, "WeightedCapacity"))
                    .opt("priority", text(part, "Priority"))
                    .opt("imageId", text(part, "ImageId"))
                    .opt("availabilityZoneId", text(part, "AvailabilityZoneId"))
            })
    }
}

/// Returns the on-demand part and the spot part of the target.
fn shares(target: &QueryParamPart<'_>, total: i64) -> ApiResult<(i64, i64)> {
    let kind = target.one_of("DefaultTargetCapacityType", &["on-demand", "spot"])?;
    let (on_demand, spot) = (target.number("OnDemandTargetCapacity")?, target.number("SpotTargetCapacity")?);
    let (first, second) = (on_demand.unwrap_or(0), spot.unwrap_or(0));
    let left = total - first - second;
    if total < 1 || left < 0 || first < 0 || second < 0 || (kind.is_none() && left > 0) {
        return Err(ApiError::value(
            "TotalTargetCapacity must be at least 1, and the sum of the on-demand, spot and default-type capacities",
        ));
    }
    Ok(if kind == Some("spot") { (first, second + left) } else { (first + left, second) })
}

/// Reads the tags of the instances. Tags of the fleet itself are checked and dropped, because an
/// instant fleet cannot be described here.
fn fleet_tags(params: &QueryParamPart<'_>) -> ApiResult<ResourceTags> {
    let mut own = ResourceTags::new();
    for part in params.parts("TagSpecification") {
        let kind = part.one_of("ResourceType", &["instance", "fleet"])?;
        let tags = super::tags::read(&part, "Tag")?;
        if kind == Some("instance") {
            own.extend(tags);
        }
    }
    Ok(own)
}
