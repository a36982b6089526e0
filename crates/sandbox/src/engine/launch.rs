use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;

use super::agenda::Event;
use super::disks::{Disk, may_hibernate, read_disks, root_disk};
use super::instance::{Instance, Mapping, MetadataOptions, SpotRequest, State, Tags, Volume};
use super::world::{Desk, Token};
use super::{ApiError, Done, Kind};
use crate::wire::{Node, Part};

/// The market of a launch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spot {
    persistent: bool,
    behaviour: String,
    max_price: Option<String>,
    valid_until: Option<Timestamp>,
}

/// What RunInstances was asked for, understood and found possible but for capacity.
struct Launch {
    least: i64,
    most: i64,
    draft: Instance,
    disks: Vec<Disk>,
    spot: Option<Spot>,
    /// Zone ids to try, in order.
    zones: Vec<String>,
    chosen_zone: bool,
    tags: Vec<(String, Tags)>,
    token: Option<String>,
}

impl Desk<'_> {
    /// RunInstances.
    pub(crate) fn run_instances(&mut self, params: &Part<'_>) -> Done<Node> {
        let launch = self.read_launch(params)?;
        self.may_launch(&launch)?;
        let form = params.params().encode();
        if let Some(known) = self.used_token(&launch, &form)? {
            return Ok(known);
        }
        self.within_quota(
            &launch.draft.instance_type,
            launch.most.min(launch.least.max(1)),
            launch.spot.is_some(),
        )?;
        let zone = self.zone_with_room(&launch)?;
        if let Some(spot) = &launch.spot {
            self.price_is_enough(spot.max_price.as_deref(), &launch.draft.instance_type, &zone)?;
        }
        self.ready(params)?;
        let count = self.room(&launch.draft.instance_type, &zone, launch.spot.is_some());
        let count = i64::from(count)
            .min(launch.most)
            .min(self.quota_room(&launch.draft.instance_type, launch.spot.is_some()));
        let reservation = self.ids.id("r-");
        for index in 0..count.max(launch.least) {
            self.launch_one(&launch, &zone, &reservation, index as usize);
        }
        if let Some(token) = &launch.token {
            let key = self.token_key(&launch, token);
            self.here.tokens.insert(key, Token { form, reservation: reservation.clone() });
        }
        Ok(self.reservation_node(&reservation))
    }

    fn read_launch(&mut self, params: &Part<'_>) -> Done<Launch> {
        let least = params.number("MinCount")?.ok_or_else(|| need("MinCount"))?;
        let most = params.number("MaxCount")?.ok_or_else(|| need("MaxCount"))?;
        if least < 1 || most < least {
            return Err(ApiError::value(format!(
                "Value ({least}) for parameter minCount is invalid. minCount must be at least 1 and not greater than maxCount ({most})."
            )));
        }
        let image = self.image(params.need("ImageId")?)?;
        let name = params.text("InstanceType").unwrap_or("m1.small");
        let facts = self.facts;
        let kind = facts
            .types
            .get(name)
            .ok_or_else(|| ApiError::value(format!("Invalid value '{name}' for InstanceType.")))?;
        if !kind.architectures.contains(&image.arch) {
            return Err(ApiError::value(format!(
                "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.",
                kind.architectures.join(","),
                image.arch
            )));
        }
        let spot = read_spot(params)?;
        let disks = read_disks(params, &image)?;
        let hibernation = params.part("HibernationOptions").flag("Configured")?.unwrap_or(false);
        if hibernation {
            may_hibernate(kind, &disks)?;
        }
        let tags = super::tags::read_specifications(params)?;
        let metadata = read_metadata(params)?;
        let own = tags.iter().find(|(kind, _)| kind == "instance").map(|(_, tags)| tags.clone());
        let own = own.unwrap_or_default();
        if metadata.tags == "enabled" {
            super::tags::fit_for_metadata(own.keys())?;
        }
        let (zones, chosen_zone, subnet) = self.read_place(params, name)?;
        let key = self.known_key(params.text("KeyName"))?;
        let groups = self.read_groups(params)?;
        let profile = self.read_profile(params)?;
        let user_data = read_user_data(params)?;
        let token = params.text("ClientToken").map(String::from);
        if token.as_ref().is_some_and(|token| token.len() > 64) {
            return Err(ApiError::value("The client token exceeds the limit of 64 characters"));
        }
        let shutdown = params.one_of("InstanceInitiatedShutdownBehavior", &["stop", "terminate"])?;
        let terminate_on_shutdown = shutdown == Some("terminate");
        if spot.as_ref().is_some_and(|spot| !spot.persistent) && shutdown == Some("stop") {
            return Err(ApiError::combination(
                "'stop' is not a valid InstanceInitiatedShutdownBehavior for a one-time Spot Instance request.",
            ));
        }
        let now = self.now;
        let visible = now + self.rules.timing.visible_after.0;
        let draft = Instance {
            id: String::new(),
            reservation: String::new(),
            index: 0,
            image: image.id.clone(),
            instance_type: name.to_string(),
            arch: image.arch.clone(),
            key,
            state: State::Pending,
            change: 0,
            reason: None,
            created: now,
            launched: now,
            visible,
            zone: String::new(),
            subnet: subnet.unwrap_or_default(),
            groups,
            private_ip: String::new(),
            public_ip: None,
            interface: String::new(),
            volumes: Vec::new(),
            spot_request: None,
            terminate_on_shutdown: terminate_on_shutdown
                || spot.as_ref().is_some_and(|spot| !spot.persistent),
            protected: params.flag("DisableApiTermination")?.unwrap_or(false),
            stop_protected: params.flag("DisableApiStop")?.unwrap_or(false),
            hibernation,
            hibernated: false,
            metadata,
            profile,
            user_data,
            ebs_optimized: params.flag("EbsOptimized")?.unwrap_or(false),
            monitoring: params.part("Monitoring").flag("Enabled")?.unwrap_or(false),
            token: token.clone().unwrap_or_default(),
            tags: own,
            rebalance: None,
            notice: None,
            events: Vec::new(),
        };
        Ok(Launch { least, most, draft, disks, spot, zones, chosen_zone, tags, token })
    }

    /// The zones to try, whether one was asked for, and the subnet if one was named.
    fn read_place(&mut self, params: &Part<'_>, name: &str) -> Done<(Vec<String>, bool, Option<String>)> {
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

    fn may_launch(&mut self, launch: &Launch) -> Done<()> {
        let draft = &launch.draft;
        let mut context = vec![
            ("ec2:InstanceType".to_string(), vec![draft.instance_type.clone()]),
            ("ec2:MetadataHttpTokens".to_string(), vec![draft.metadata.tokens.clone()]),
            ("ec2:MetadataHttpPutResponseHopLimit".to_string(), vec![draft.metadata.hops.to_string()]),
            (
                "ec2:InstanceMarketType".to_string(),
                vec![if launch.spot.is_some() { "spot" } else { "on-demand" }.to_string()],
            ),
        ];
        context.extend(super::iam::request_tags(&draft.tags));
        let instance = self.arn("ec2", "instance/*");
        self.allow("ec2:RunInstances", &instance, &Tags::new(), &context)?;
        for (kind, tags) in &launch.tags {
            let mut context = super::iam::request_tags(tags);
            context.push(("ec2:CreateAction".to_string(), vec!["RunInstances".to_string()]));
            let arn = self.arn("ec2", &format!("{kind}/*"));
            self.allow("ec2:CreateTags", &arn, tags, &context)?;
        }
        if let Some((_, profile)) = &draft.profile
            && let Some(role) = self.iam.role_of(profile)
        {
            let arn = self.iam.role_arn(self.account, self.partition(), &role);
            let to = [("iam:PassedToService".to_string(), vec!["ec2.amazonaws.com".to_string()])];
            self.allow("iam:PassRole", &arn, &Tags::new(), &to)?;
        }
        Ok(())
    }

    /// A token belongs to the region, or to the zone when one was asked for.
    fn token_key(&self, launch: &Launch, token: &str) -> String {
        let place = if launch.chosen_zone { &launch.zones[0] } else { self.region };
        format!("{place} {token}")
    }

    fn used_token(&mut self, launch: &Launch, form: &str) -> Done<Option<Node>> {
        let Some(token) = &launch.token else { return Ok(None) };
        let Some(used) = self.here.tokens.get(&self.token_key(launch, token)) else { return Ok(None) };
        if used.form != form {
            return Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        let reservation = used.reservation.clone();
        let alive = self
            .here
            .instances
            .values()
            .any(|found| found.reservation == reservation && !found.state.is_over());
        if !alive {
            return Err(ApiError::new(
                "IdempotentInstanceTerminated",
                "The request to launch an instance uses the same client token as a previous request for which the instance has been terminated.",
            ));
        }
        Ok(Some(self.reservation_node(&reservation)))
    }

    fn zone_with_room(&self, launch: &Launch) -> Done<String> {
        let spot = launch.spot.is_some();
        let name = &launch.draft.instance_type;
        let enough = |zone: &&String| i64::from(self.room(name, zone, spot)) >= launch.least;
        if let Some(zone) = launch.zones.iter().find(enough) {
            return Ok(zone.clone());
        }
        let message = match (spot, launch.chosen_zone) {
            (true, _) => "There is no Spot capacity available that matches your request.".to_string(),
            (false, true) => {
                let all = self.zones();
                let others: Vec<String> = all
                    .iter()
                    .filter(|zone| self.facts.offered(self.region, zone, name) && enough(zone))
                    .map(|zone| self.zone_name(zone))
                    .collect();
                let advice = if others.is_empty() {
                    String::new()
                } else {
                    format!(
                        " You can currently get {name} capacity by not specifying an Availability Zone in your request or choosing {}.",
                        others.join(", ")
                    )
                };
                format!(
                    "We currently do not have sufficient {name} capacity in the Availability Zone you requested ({}). Our system will be working on provisioning additional capacity.{advice}",
                    self.zone_name(&launch.zones[0])
                )
            }
            (false, false) => format!(
                "We currently do not have sufficient {name} capacity in zones with support for 'gp2' volumes. Our system will be working on provisioning additional capacity."
            ),
        };
        Err(ApiError::new("InsufficientInstanceCapacity", message))
    }

    fn launch_one(&mut self, launch: &Launch, zone: &str, reservation: &str, index: usize) {
        let mut instance = launch.draft.clone();
        instance.zone = zone.to_string();
        instance.reservation = reservation.to_string();
        instance.index = index;
        if instance.subnet.is_empty() {
            instance.subnet = self.subnet_of(zone);
        }
        let tags = |wanted: &str| -> Tags {
            launch
                .tags
                .iter()
                .find(|(kind, _)| kind == wanted)
                .map(|(_, tags)| tags.clone())
                .unwrap_or_default()
        };
        if let Some(spot) = &launch.spot {
            let request = self.ids.id("sir-");
            let price = self.price_ceiling(&instance.instance_type);
            instance.spot_request = Some(request.clone());
            let id = self.place(instance.clone(), &launch.disks, &tags("volume"));
            let held = SpotRequest {
                id: request.clone(),
                created: self.now,
                persistent: spot.persistent,
                behaviour: spot.behaviour.clone(),
                max_price: spot.max_price.clone().unwrap_or(price),
                valid_until: spot.valid_until,
                state: "active".to_string(),
                status: "fulfilled".to_string(),
                updated: self.now,
                instance: Some(id),
                launch: Box::new(instance),
                tags: tags("spot-instances-request"),
            };
            self.here.spot.insert(request, held);
        } else {
            self.place(instance, &launch.disks, &tags("volume"));
        }
    }

    /// Gives an instance its id, addresses and volumes, and lets it begin.
    fn place(&mut self, mut instance: Instance, disks: &[Disk], tags: &Tags) -> String {
        instance.id = self.ids.id("i-");
        instance.interface = self.ids.id("eni-");
        self.here.handed_out += 1;
        let number = self.here.handed_out;
        instance.private_ip = format!("172.31.{}.{}", (number / 250) % 256, number % 250 + 4);
        instance.public_ip = Some(self.public_ip(number));
        for disk in disks {
            let volume = Volume {
                id: self.ids.id("vol-"),
                size: disk.size,
                kind: disk.kind.clone(),
                iops: disk.iops,
                throughput: disk.throughput,
                encrypted: disk.encrypted,
                snapshot: disk.snapshot.clone(),
                zone: instance.zone.clone(),
                created: self.now,
                instance: Some(instance.id.clone()),
                tags: tags.clone(),
            };
            let device = disk.device.clone();
            instance.volumes.push(Mapping {
                device,
                volume: volume.id.clone(),
                delete: disk.delete,
                since: self.now,
            });
            self.here.volumes.insert(volume.id.clone(), volume);
        }
        let id = instance.id.clone();
        self.here.instances.insert(id.clone(), instance);
        self.later(self.rules.timing.pending.0, Event::Arrive { instance: id.clone(), change: 0 });
        id
    }

    /// Launches again what a persistent spot request asks for.
    pub(crate) fn place_again(&mut self, mut draft: Instance) -> String {
        let (image, now) = (self.image(&draft.image).ok(), self.now);
        draft.created = now;
        draft.launched = now;
        draft.visible = now + self.rules.timing.visible_after.0;
        draft.reservation = self.ids.id("r-");
        let disks: Vec<Disk> = image.iter().map(root_disk).collect();
        self.place(draft, &disks, &Tags::new())
    }

    /// The answer of RunInstances: no later change of state shows in it.
    fn reservation_node(&self, reservation: &str) -> Node {
        let all = self.here.instances.values().filter(|found| found.reservation == reservation);
        let mut all: Vec<&Instance> = all.collect();
        all.sort_by_key(|found| found.index);
        self.reservation(reservation, &all).into()
    }
}

fn need(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

fn read_spot(params: &Part<'_>) -> Done<Option<Spot>> {
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
    Ok(Some(Spot { persistent, behaviour, max_price, valid_until }))
}

fn read_metadata(params: &Part<'_>) -> Done<MetadataOptions> {
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

fn read_user_data(params: &Part<'_>) -> Done<Option<String>> {
    let Some(text) = params.text("UserData") else { return Ok(None) };
    let plain =
        STANDARD.decode(text).map_err(|_| ApiError::value("Invalid BASE64 encoding of user data."))?;
    if plain.len() > 16_384 {
        return Err(ApiError::value("User data is limited to 16384 bytes"));
    }
    Ok(Some(text.to_string()))
}

impl Desk<'_> {
    fn read_groups(&mut self, params: &Part<'_>) -> Done<Vec<String>> {
        let mut ids: Vec<String> = params.list("SecurityGroupId").into_iter().map(String::from).collect();
        for part in params.parts("NetworkInterface") {
            part.number("DeviceIndex")?;
            part.flag("AssociatePublicIpAddress")?;
            part.flag("DeleteOnTermination")?;
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
                return Err(ApiError::no_such(Kind::Group, id));
            }
        }
        if ids.is_empty() {
            ids.extend(
                self.here.groups.values().find(|group| group.name == "default").map(|group| group.id.clone()),
            );
        }
        Ok(ids)
    }

    /// The association and the name of the profile, when EC2 knows it already.
    fn read_profile(&mut self, params: &Part<'_>) -> Done<Option<(String, String)>> {
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
