use super::describe_instances::InstancePageCache;
use super::disks::{may_hibernate, read_disks};
use super::launch_params::{SpotLaunchOptions, read_metadata, read_spot, read_user_data};
use crate::core::{
    ApiError, ApiResult, ClientTokenUse, DiskRequest, EbsVolume, RegionView, ReservationTarget, ResourceTags,
    SandboxEvent, SandboxInstance, SandboxInstanceState, SpotRequest, VolumeAttachment, request_tags,
};
use crate::engine::requests::{missing_parameter, token_mismatch};
use crate::wire::{QueryParamPart, QueryParams, XmlContent, XmlFields};

/// A valid launch request, before the checks of permissions, quota and capacity.
pub(crate) struct SandboxLaunch {
    least: i64,
    most: i64,
    pub(crate) draft: SandboxInstance,
    pub(crate) disks: Vec<DiskRequest>,
    pub(crate) spot: Option<SpotLaunchOptions>,
    /// The zone ids to try, in order.
    pub(crate) zones: Vec<String>,
    chosen_zone: bool,
    tags: Vec<(String, ResourceTags)>,
    token: Option<String>,
}

impl SandboxLaunch {
    /// Returns the tags for one kind of resource.
    pub(crate) fn tags_of(&self, kind: &str) -> ResourceTags {
        tags_for(&self.tags, kind)
    }
}

fn tags_for(all: &[(String, ResourceTags)], kind: &str) -> ResourceTags {
    all.iter().find(|(known, _)| known == kind).map(|(_, tags)| tags.clone()).unwrap_or_default()
}

impl RegionView<'_> {
    pub(crate) fn run_instances(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let merged = self.with_template(params)?;
        let params = &merged.as_ref().map_or_else(|| params.clone(), QueryParams::whole);
        let reservation = self.launch(params)?;
        Ok(self.reservation_node(&reservation))
    }

    /// Launches as many instances as possible, from `MinCount` to `MaxCount`. Returns the
    /// reservation id.
    pub(crate) fn launch(&mut self, params: &QueryParamPart<'_>) -> ApiResult<String> {
        let launch = self.read_launch(params, read_spot(params)?)?;
        self.may_launch(&launch)?;
        let form = params.params().encode();
        if let Some(known) = self.used_token(&launch, &form)? {
            return Ok(known);
        }
        let (name, spot) = (launch.draft.instance_type.clone(), launch.spot.is_some());
        // Places in a capacity reservation already count against the quota.
        let held = launch.zones.iter().map(|zone| self.slots(&launch.draft, zone, spot).len() as i64).max();
        self.within_quota(&name, launch.least - held.unwrap_or(0), spot)?;
        let zone = self.zone_with_capacity(&launch)?;
        if let Some(spot) = &launch.spot {
            self.price_is_enough(spot.max_price.as_deref(), &name, &zone)?;
        }
        self.finish_checks(params)?;
        let slots = self.slots(&launch.draft, &zone, spot);
        let held = slots.len() as i64;
        let count = self
            .launchable_count(&launch, &zone)
            .min(launch.most)
            .min(self.quota_left(&name, spot).saturating_add(held))
            .max(launch.least);
        let reservation = self.ids.id("r-");
        let mut slots = slots.into_iter();
        for index in 0..count {
            self.launch_one(&launch, &zone, &reservation, index as usize, slots.next());
        }
        if let Some(token) = &launch.token {
            let key = self.token_key(&launch, token);
            self.here.tokens.insert(key, ClientTokenUse { form, answer: reservation.clone() });
        }
        Ok(reservation)
    }

    /// Returns how many instances a zone can take: the lower of its capacity and its free
    /// addresses.
    fn launchable_count(&self, launch: &SandboxLaunch, zone: &str) -> i64 {
        self.capacity(launch, zone).min(self.free_addresses(zone))
    }

    /// Returns how many instances a zone has capacity for, including places in capacity
    /// reservations.
    fn capacity(&self, launch: &SandboxLaunch, zone: &str) -> i64 {
        let spot = launch.spot.is_some();
        let held = self.slots(&launch.draft, zone, spot).len() as i64;
        match launch.draft.target {
            ReservationTarget::Named(_) | ReservationTarget::Only => held,
            _ => i64::from(self.free_capacity(&launch.draft.instance_type, zone, spot)) + held,
        }
    }

    /// Reads the parameters of RunInstances. The caller reads the market options.
    pub(crate) fn read_launch(
        &mut self,
        params: &QueryParamPart<'_>,
        spot: Option<SpotLaunchOptions>,
    ) -> ApiResult<SandboxLaunch> {
        let least = params.number("MinCount")?.ok_or_else(|| missing_parameter("MinCount"))?;
        let most = params.number("MaxCount")?.ok_or_else(|| missing_parameter("MaxCount"))?;
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
        let disks = read_disks(params, &image)?;
        let hibernation = params.part("HibernationOptions").flag("Configured")?.unwrap_or(false);
        if hibernation {
            may_hibernate(kind, &disks)?;
        }
        let tags = super::tags::read_specifications(params)?;
        let metadata = read_metadata(params)?;
        let mut own = tags_for(&tags, "instance");
        if metadata.tags == "enabled" {
            super::tags::check_metadata_keys(own.keys())?;
        }
        own.extend(params.params().aws_tags().clone());
        let (mut zones, chosen_zone, subnet) = self.read_place(params, name)?;
        let target = self.read_target(params)?;
        if let ReservationTarget::Named(id) = &target
            && let Some(held) = self.here.reservations.get(id)
        {
            zones.retain(|zone| *zone == held.zone);
        }
        if spot.is_some() && !matches!(target, ReservationTarget::Open | ReservationTarget::Never) {
            return Err(ApiError::combination("Spot Instances cannot run in a Capacity Reservation."));
        }
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
        let draft = SandboxInstance {
            id: String::new(),
            reservation: String::new(),
            index: 0,
            image: image.id.clone(),
            instance_type: name.to_string(),
            arch: image.arch.clone(),
            key,
            state: SandboxInstanceState::Pending,
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
            public: self.read_public(params)?,
            interface: String::new(),
            interface_tags: tags_for(&tags, "network-interface"),
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
            target,
            capacity: None,
            notice: None,
            events: Vec::new(),
            console: None,
            pushed_keys: Vec::new(),
            bill: None,
        };
        Ok(SandboxLaunch { least, most, draft, disks, spot, zones, chosen_zone, tags, token })
    }

    pub(crate) fn may_launch(&mut self, launch: &SandboxLaunch) -> ApiResult<()> {
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
        context.extend(request_tags(&launch.tags_of("instance")));
        let instance = self.arn("ec2", "instance/*");
        self.allow("ec2:RunInstances", &instance, &ResourceTags::new(), &context)?;
        for (kind, tags) in &launch.tags {
            self.may_tag_new(kind, tags, "RunInstances")?;
        }
        match &draft.profile {
            Some((_, profile)) => self.may_pass_role(profile),
            None => Ok(()),
        }
    }

    /// Returns the key of an idempotency token. Its scope is the zone if the call names one, else
    /// the region.
    fn token_key(&self, launch: &SandboxLaunch, token: &str) -> String {
        let place = if launch.chosen_zone { &launch.zones[0] } else { self.region };
        format!("{place} {token}")
    }

    /// Returns the reservation of an earlier call with this token. Fails if its parameters differ,
    /// or if all its instances are terminated.
    fn used_token(&mut self, launch: &SandboxLaunch, form: &str) -> ApiResult<Option<String>> {
        let Some(token) = &launch.token else { return Ok(None) };
        let Some(used) = self.here.tokens.get(&self.token_key(launch, token)) else { return Ok(None) };
        if used.form != form {
            return Err(token_mismatch());
        }
        let reservation = used.answer.clone();
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
        Ok(Some(reservation))
    }

    fn zone_with_capacity(&self, launch: &SandboxLaunch) -> ApiResult<String> {
        let spot = launch.spot.is_some();
        let name = &launch.draft.instance_type;
        let enough = |zone: &&String| self.launchable_count(launch, zone) >= launch.least;
        if let Some(zone) = launch.zones.iter().find(enough) {
            return Ok(zone.clone());
        }
        if let Some(full) = launch.zones.iter().find(|zone| self.capacity(launch, zone) >= launch.least) {
            return Err(ApiError::new(
                "InsufficientFreeAddressesInSubnet",
                format!(
                    "There are not enough free addresses in subnet '{}' to satisfy the requested number of instances.",
                    self.subnet_of(full)
                ),
            ));
        }
        if matches!(launch.draft.target, ReservationTarget::Named(_) | ReservationTarget::Only) {
            return Err(ApiError::new(
                "ReservationCapacityExceeded",
                "The requested reservation does not have sufficient compatible and available capacity for this request.",
            ));
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

    fn launch_one(
        &mut self,
        launch: &SandboxLaunch,
        zone: &str,
        reservation: &str,
        index: usize,
        slot: Option<String>,
    ) {
        let mut instance = launch.draft.clone();
        instance.zone = zone.to_string();
        instance.reservation = reservation.to_string();
        instance.index = index;
        instance.capacity = slot;
        let volume_tags = launch.tags_of("volume");
        if let Some(spot) = &launch.spot {
            let request = self.request_for(launch, spot, launch.tags_of("spot-instances-request"));
            instance.spot_request = Some(request.clone());
            let id = self.create_instance(instance, &launch.disks, &volume_tags);
            if let Some(held) = self.here.spot.get_mut(&request) {
                held.instance = Some(id);
                held.launch.zone = zone.to_string();
            }
            self.set_request(Some(&request), "active", "fulfilled");
        } else {
            self.create_instance(instance, &launch.disks, &volume_tags);
        }
    }

    /// Stores a spot request that has no instance yet. Returns its id.
    pub(crate) fn request_for(
        &mut self,
        launch: &SandboxLaunch,
        spot: &SpotLaunchOptions,
        tags: ResourceTags,
    ) -> String {
        let id = self.ids.id("sir-");
        let mut draft = launch.draft.clone();
        draft.spot_request = Some(id.clone());
        let held = SpotRequest {
            id: id.clone(),
            created: self.now,
            persistent: spot.persistent,
            behaviour: spot.behaviour.clone(),
            max_price: spot.max_price.clone().unwrap_or(self.price_ceiling(&draft.instance_type)),
            valid_until: spot.valid_until,
            state: "open".to_string(),
            status: "pending-evaluation".to_string(),
            updated: self.now,
            instance: None,
            launch: Box::new(draft),
            zones: launch.zones.clone(),
            disks: launch.disks.clone(),
            volume_tags: launch.tags_of("volume"),
            tags,
        };
        self.here.spot.insert(id.clone(), held);
        id
    }

    /// Creates a pending instance with its id, addresses and volumes. Returns its id.
    fn create_instance(
        &mut self,
        mut instance: SandboxInstance,
        disks: &[DiskRequest],
        tags: &ResourceTags,
    ) -> String {
        instance.id = self.ids.id("i-");
        if instance.subnet.is_empty() {
            instance.subnet = self.subnet_of(&instance.zone);
        }
        instance.interface = self.ids.id("eni-");
        self.here.handed_out += 1;
        instance.private_ip = self.private_ip(&instance.zone);
        instance.public_ip = instance.public.then(|| self.public_ip(self.here.handed_out));
        for disk in disks {
            let volume = EbsVolume {
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
            instance.volumes.push(VolumeAttachment {
                device,
                volume: volume.id.clone(),
                delete: disk.delete,
                since: self.now,
            });
            self.here.volumes.insert(volume.id.clone(), volume);
        }
        let id = instance.id.clone();
        self.here.instances.insert(id.clone(), instance);
        self.plan_event(
            self.rules.timing.pending.0,
            SandboxEvent::Arrive { instance: id.clone(), change: 0 },
        );
        id
    }

    /// Launches an instance for a spot request. Returns its id.
    pub(crate) fn launch_for_request(&mut self, request: &SpotRequest, zone: &str) -> String {
        let (mut draft, now) = ((*request.launch).clone(), self.now);
        draft.created = now;
        draft.launched = now;
        draft.visible = now + self.rules.timing.visible_after.0;
        draft.reservation = self.ids.id("r-");
        draft.zone = zone.to_string();
        self.create_instance(draft, &request.disks, &request.volume_tags)
    }

    /// Builds the answer of RunInstances.
    fn reservation_node(&self, reservation: &str) -> XmlContent {
        let all = self.here.instances.values().filter(|found| found.reservation == reservation);
        let mut all: Vec<&SandboxInstance> = all.collect();
        all.sort_by_key(|found| found.index);
        self.reservation(XmlFields::new(), &InstancePageCache::new(self.region), reservation, &all).into()
    }
}
