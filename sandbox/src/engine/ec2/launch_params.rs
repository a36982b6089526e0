//! Readers for the parameters of a launch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;

use crate::core::{ApiError, ApiResult, MetadataOptions, RegionView, ReservationTarget, ResourceKind};
use crate::engine::requests::missing_parameter;
use crate::wire::QueryParamPart;

/// The spot options of a launch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SpotLaunchOptions {
    pub(crate) persistent: bool,
    pub(crate) behaviour: String,
    pub(crate) max_price: Option<String>,
    pub(crate) valid_until: Option<Timestamp>,
}

pub(crate) fn read_spot(params: &QueryParamPart<'_>) -> ApiResult<Option<SpotLaunchOptions>> {
    let market = params.part("InstanceMarketOptions");
    if market.one_of("MarketType", &["spot"])?.is_none() {
        return Ok(None);
    }
    let options = market.part("SpotOptions");
    let persistent = options.one_of("SpotInstanceType", &["one-time", "persistent"])? == Some("persistent");
    let behaviour = options.one_of("InstanceInterruptionBehavior", &["terminate", "stop", "hibernate"])?;
    let behaviour = behaviour.unwrap_or("terminate").to_string();
    let valid_until = options.instant("ValidUntil")?;
    let max_price = options.text("MaxPrice").map(String::from);
    if let Some(price) = &max_price
        && !price.parse::<f64>().is_ok_and(|price| price > 0.0)
    {
        return Err(ApiError::value(format!("Invalid value '{price}' for spot max price.")));
    }
    if persistent == (behaviour == "terminate") {
        let message = if persistent {
            "persistent Spot Instance requests are only supported when the instance interruption behavior is either hibernate or stop"
        } else {
            "one-time Spot Instance requests are only supported when the instance interruption behavior is terminate"
        };
        return Err(ApiError::combination(message));
    }
    if valid_until.is_some() && !persistent {
        return Err(ApiError::combination("ValidUntil is not supported for one-time requests"));
    }
    Ok(Some(SpotLaunchOptions { persistent, behaviour, max_price, valid_until }))
}

pub(crate) fn read_metadata(params: &QueryParamPart<'_>) -> ApiResult<MetadataOptions> {
    let part = params.part("MetadataOptions");
    let hops = part.number("HttpPutResponseHopLimit")?.unwrap_or(2);
    if !(1..=64).contains(&hops) {
        return Err(ApiError::value(format!(
            "The value {hops} for HttpPutResponseHopLimit must be between 1 and 64"
        )));
    }
    let switch = ["enabled", "disabled"];
    let text = |found: Option<&'static str>, default: &str| found.unwrap_or(default).to_string();
    Ok(MetadataOptions {
        tokens: text(part.one_of("HttpTokens", &["required", "optional"])?, "required"),
        hops,
        endpoint: text(part.one_of("HttpEndpoint", &switch)?, "enabled"),
        ipv6: text(part.one_of("HttpProtocolIpv6", &switch)?, "disabled"),
        tags: text(part.one_of("InstanceMetadataTags", &switch)?, "disabled"),
    })
}

pub(crate) fn read_user_data(params: &QueryParamPart<'_>) -> ApiResult<Option<String>> {
    let Some(text) = params.text("UserData") else { return Ok(None) };
    let plain =
        STANDARD.decode(text).map_err(|_| ApiError::value("Invalid BASE64 encoding of user data."))?;
    if plain.len() > 16_384 {
        return Err(ApiError::value("User data is limited to 16384 bytes"));
    }
    Ok(Some(text.to_string()))
}

/// Reads which capacity reservations the launch may use.
fn read_target(params: &QueryParamPart<'_>) -> ApiResult<ReservationTarget> {
    let part = params.part("CapacityReservationSpecification");
    let named = part.part("CapacityReservationTarget").text("CapacityReservationId");
    let preference =
        part.one_of("CapacityReservationPreference", &["open", "none", "capacity-reservations-only"])?;
    match (named, preference) {
        (Some(_), Some(_)) => Err(ApiError::combination(
            "CapacityReservationPreference cannot be used with CapacityReservationTarget",
        )),
        (Some(id), None) => Ok(ReservationTarget::Named(id.to_string())),
        (None, Some("none")) => Ok(ReservationTarget::Never),
        (None, Some("capacity-reservations-only")) => Ok(ReservationTarget::Only),
        (None, _) => Ok(ReservationTarget::Open),
    }
}

/// The error for a call that needs a default VPC.
pub(crate) fn no_default_vpc() -> ApiError {
    ApiError::new(
        "VPCIdNotSpecified",
        "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
    )
}

impl RegionView<'_> {
    /// Reads which capacity reservations a launch may use. Fails if it names an unknown one.
    pub(crate) fn read_target(&self, params: &QueryParamPart<'_>) -> ApiResult<ReservationTarget> {
        let target = read_target(params)?;
        match &target {
            ReservationTarget::Named(id) if !self.here.reservations.contains_key(id) => {
                Err(ApiError::unknown_id(ResourceKind::Reservation, id))
            }
            _ => Ok(target),
        }
    }

    /// Reads whether the instance gets public addresses. Default subnets assign them unless the
    /// call declines.
    pub(crate) fn read_public(&self, params: &QueryParamPart<'_>) -> ApiResult<bool> {
        let first = params.parts("NetworkInterface").into_iter().next();
        let asked = first.map(|part| part.flag("AssociatePublicIpAddress")).transpose()?.flatten();
        Ok(asked.unwrap_or(self.has_default_vpc()))
    }

    /// Returns the zones to try, whether the call names one, and the subnet if it names one.
    pub(crate) fn read_place(
        &mut self,
        params: &QueryParamPart<'_>,
        name: &str,
    ) -> ApiResult<(Vec<String>, bool, Option<String>)> {
        let placement = params.part("Placement");
        placement.one_of("Tenancy", &["default"])?;
        let interface = params.parts("NetworkInterface").into_iter().next();
        let subnet =
            params.text("SubnetId").or_else(|| interface.as_ref().and_then(|part| part.text("SubnetId")));
        let zone = match (subnet, placement.text("AvailabilityZone"), placement.text("AvailabilityZoneId")) {
            (Some(subnet), _, _) => Some(self.subnet_zone(subnet)?),
            (None, Some(name), _) => Some(self.zone_id(name)?),
            (None, None, Some(id)) => Some(self.known_zone(id)?),
            (None, None, None) => None,
        };
        let offered = |zone: &String| self.facts.offered(self.region, zone, name);
        let all: Vec<String> = self.zones().into_iter().filter(offered).collect();
        match zone {
            _ if subnet.is_none() && !self.has_default_vpc() => Err(no_default_vpc()),
            None if all.is_empty() => Err(ApiError::new(
                "Unsupported",
                format!(
                    "The requested configuration is currently not supported. Please check the documentation for supported configurations. ({name} is not offered in {})",
                    self.region
                ),
            )),
            None => Ok((all, false, None)),
            Some(zone) if offered(&zone) => Ok((vec![zone], true, subnet.map(String::from))),
            Some(zone) => {
                let names: Vec<String> = all.iter().map(|zone| self.zone_name(zone)).collect();
                Err(ApiError::new(
                    "Unsupported",
                    format!(
                        "Your requested instance type ({name}) is not supported in your requested Availability Zone ({}). Please retry your request by not specifying an Availability Zone or choosing {}.",
                        self.zone_name(&zone),
                        names.join(", ")
                    ),
                ))
            }
        }
    }

    pub(crate) fn read_groups(&mut self, params: &QueryParamPart<'_>) -> ApiResult<Vec<String>> {
        let mut ids: Vec<String> = params.list("SecurityGroupId").into_iter().map(String::from).collect();
        for part in params.parts("NetworkInterface") {
            if !ids.is_empty() || params.text("SubnetId").is_some() {
                return Err(ApiError::combination(
                    "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request",
                ));
            }
            // The sandbox has primary interfaces only. They are deleted with their instance.
            part.one_of("DeviceIndex", &["0"])?
                .ok_or_else(|| missing_parameter("NetworkInterface.N.DeviceIndex"))?;
            part.one_of("DeleteOnTermination", &["true"])?;
            ids.extend(part.list("SecurityGroupId").into_iter().map(String::from));
        }
        for name in params.list("SecurityGroup") {
            let group = self.here.groups.values().find(|group| group.name == name);
            let group = group.ok_or_else(|| {
                ApiError::new(
                    "InvalidGroup.NotFound",
                    format!("The security group '{name}' does not exist in default VPC '{}'", self.vpc()),
                )
            })?;
            ids.push(group.id.clone());
        }
        for id in &ids {
            if !self.here.groups.contains_key(id) {
                return Err(ApiError::unknown_id(ResourceKind::Group, id));
            }
        }
        if ids.is_empty() {
            ids.extend(
                self.here.groups.values().find(|group| group.name == "default").map(|group| group.id.clone()),
            );
        }
        Ok(ids)
    }

    /// Reads the instance profile: a new association id, and the name. Fails if EC2 does not know
    /// the profile yet.
    pub(crate) fn read_profile(
        &mut self,
        params: &QueryParamPart<'_>,
    ) -> ApiResult<Option<(String, String)>> {
        let part = params.part("IamInstanceProfile");
        let (name, asked) = match (part.text("Name"), part.text("Arn")) {
            (Some(name), _) => (
                name.to_string(),
                format!(
                    "({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
                ),
            ),
            (None, Some(arn)) => (
                arn.rsplit('/').next().unwrap_or_default().to_string(),
                format!(
                    "({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN"
                ),
            ),
            (None, None) => return Ok(None),
        };
        let settled = self.now - self.rules.timing.profile_after.0;
        if !self.iam.profile_is_ready(&name, settled) {
            return Err(ApiError::value(format!("Value {asked}")));
        }
        Ok(Some((self.ids.id("iip-assoc-"), name)))
    }
}
