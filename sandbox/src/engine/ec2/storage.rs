use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, EbsVolume, RegionView, ResourceKind, SandboxInstance, SandboxInstanceState,
    VolumeAttachment, VolumeSnapshot,
};
use crate::engine::filter::{FilterTable, RequestFilters, at, flag, many, one, own, owned};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// The filters of DescribeVolumes.
const VOLUME_FILTERS: FilterTable<EbsVolume> = FilterTable {
    tags: Some(|volume| &volume.tags),
    tag: None,
    named: &[
        ("attachment.attach-time", |desk, volume| {
            owned(desk.mapping_of(volume).map(|(_, mapping)| crate::wire::iso(mapping.since)))
        }),
        ("attachment.delete-on-termination", |desk, volume| {
            owned(desk.mapping_of(volume).map(|(_, mapping)| mapping.delete))
        }),
        ("attachment.device", |desk, volume| {
            many(desk.mapping_of(volume).map(|(_, mapping)| &mapping.device))
        }),
        ("attachment.instance-id", |_, volume| many(&volume.instance)),
        ("attachment.status", |_, volume| many(volume.instance.as_ref().map(|_| "attached"))),
        ("availability-zone", |desk, volume| own(desk.zone_name(&volume.zone))),
        ("availability-zone-id", |_, volume| one(&volume.zone)),
        ("create-time", |_, volume| at(volume.created)),
        ("encrypted", |_, volume| flag(volume.encrypted)),
        ("multi-attach-enabled", |_, _| flag(false)),
        ("size", |_, volume| own(volume.size)),
        ("snapshot-id", |_, volume| many(&volume.snapshot)),
        ("status", |desk, volume| one(desk.volume_state(volume))),
        ("volume-id", |_, volume| one(&volume.id)),
        ("volume-type", |_, volume| one(&volume.kind)),
    ],
    bare: &["fast-restored"],
};

/// The filters of DescribeSnapshots.
const SNAPSHOT_FILTERS: FilterTable<VolumeSnapshot> = FilterTable {
    tags: Some(|snapshot| &snapshot.tags),
    tag: None,
    named: &[
        ("description", |_, snapshot| one(&snapshot.description)),
        ("encrypted", |_, snapshot| flag(snapshot.encrypted)),
        ("owner-id", |desk, _| own(desk.account)),
        ("progress", |desk, snapshot| one(desk.snapshot_state(snapshot).1)),
        ("snapshot-id", |_, snapshot| one(&snapshot.id)),
        ("start-time", |_, snapshot| at(snapshot.created)),
        ("status", |desk, snapshot| one(desk.snapshot_state(snapshot).0)),
        ("storage-tier", |_, _| one("standard")),
        ("volume-id", |_, snapshot| one(&snapshot.volume)),
        ("volume-size", |_, snapshot| own(snapshot.size)),
    ],
    bare: &["owner-alias", "transfer-type"],
};

impl RegionView<'_> {
    /// Returns the instance that a volume is attached to, and the attachment.
    fn mapping_of(&self, volume: &EbsVolume) -> Option<(&SandboxInstance, &VolumeAttachment)> {
        let holder = self.here.instances.get(volume.instance.as_ref()?)?;
        let mapping = holder.volumes.iter().find(|mapping| mapping.volume == volume.id)?;
        Some((holder, mapping))
    }

    fn volume_state(&self, volume: &EbsVolume) -> &'static str {
        let fresh = self.now.duration_since(volume.created) < self.rules.timing.storage.0;
        match &volume.instance {
            Some(_) => "in-use",
            None if fresh => "creating",
            None => "available",
        }
    }

    fn volume_node(&self, volume: &EbsVolume) -> XmlContent {
        let attachment = self.mapping_of(volume).map(|(found, mapping)| -> XmlContent {
            XmlFields::new()
                .put("volumeId", &volume.id)
                .put("instanceId", &found.id)
                .put("device", &mapping.device)
                .put("status", "attached")
                .put("attachTime", mapping.since)
                .put("deleteOnTermination", mapping.delete)
                .into()
        });
        XmlFields::new()
            .put("volumeId", &volume.id)
            .put("size", volume.size)
            .put("snapshotId", volume.snapshot.as_deref().unwrap_or_default())
            .put("availabilityZone", self.zone_name(&volume.zone))
            .put("availabilityZoneId", &volume.zone)
            .put("status", self.volume_state(volume))
            .put("createTime", volume.created)
            .put("attachmentSet", attachment.into_iter().collect::<Vec<XmlContent>>())
            .some("tagSet", tag_nodes(&volume.tags))
            .put("volumeType", &volume.kind)
            .opt("iops", volume.iops)
            .opt("throughput", volume.throughput)
            .put("encrypted", volume.encrypted)
            .put("multiAttachEnabled", false)
            .into()
    }

    pub(crate) fn describe_volumes(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeVolumes")?;
        let ids = params.list("VolumeId");
        if let Some(id) = ids.iter().find(|id| !self.here.volumes.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Volume, id));
        }
        let filters = RequestFilters::read(params, &VOLUME_FILTERS)?;
        let named = |volume: &&EbsVolume| ids.is_empty() || ids.contains(&volume.id.as_str());
        let rows =
            self.here.volumes.values().filter(named).filter(|volume| filters.matches_row(self, volume));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> = rows.into_iter().map(|volume| self.volume_node(volume)).collect();
        Ok(XmlFields::new().put("volumeSet", nodes).opt("nextToken", next).into())
    }

    pub(crate) fn create_volume(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateVolume")?;
        let zone = self.zone_id(params.need("AvailabilityZone")?)?;
        let snapshot = params.text("SnapshotId");
        let from = match snapshot {
            Some(id) => Some(
                self.here
                    .snapshots
                    .get(id)
                    .ok_or_else(|| ApiError::unknown_id(ResourceKind::Snapshot, id))?,
            ),
            None => None,
        };
        let size = params.number("Size")?.or(from.map(|from| from.size));
        let size = size.ok_or_else(|| {
            ApiError::new("MissingParameter", "The request must contain the parameter size/snapshot")
        })?;
        if !(1..=65_536).contains(&size) || from.is_some_and(|from| size < from.size) {
            return Err(ApiError::value(format!("Volume size {size} is out of range")));
        }
        let encrypted = params.flag("Encrypted")?.unwrap_or(from.is_some_and(|from| from.encrypted));
        let kind = params
            .one_of("VolumeType", &["standard", "gp2", "gp3", "io1", "io2", "st1", "sc1"])?
            .unwrap_or("gp2");
        let (iops, throughput) = (params.number("Iops")?, params.number("Throughput")?);
        let tags = read_own(params, "volume")?;
        params.text("ClientToken");
        self.finish_checks(params)?;
        let volume = EbsVolume {
            id: self.ids.id("vol-"),
            size,
            kind: kind.to_string(),
            iops: iops.or((kind == "gp3").then_some(3000)),
            throughput: throughput.or((kind == "gp3").then_some(125)),
            encrypted,
            snapshot: snapshot.map(String::from),
            zone,
            created: self.now,
            instance: None,
            tags,
        };
        let node = self.volume_node(&volume);
        self.here.volumes.insert(volume.id.clone(), volume);
        Ok(node)
    }

    /// Serves DeleteVolume. Fails while the volume is attached.
    pub(crate) fn delete_volume(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let id = params.need("VolumeId")?;
        let volume =
            self.here.volumes.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Volume, id))?;
        let (tags, holder) = (volume.tags.clone(), volume.instance.clone());
        let arn = self.arn("ec2", &format!("volume/{id}"));
        self.allow("ec2:DeleteVolume", &arn, &tags, &[])?;
        if let Some(instance) = holder {
            return Err(ApiError::new(
                "VolumeInUse",
                format!("Volume {id} is currently attached to {instance}"),
            ));
        }
        self.finish_checks(params)?;
        self.here.volumes.remove(id);
        Ok(XmlFields::new().put("return", true).into())
    }

    /// Serves AttachVolume and DetachVolume.
    pub(crate) fn attach_volume(
        &mut self,
        params: &QueryParamPart<'_>,
        attach: bool,
    ) -> ApiResult<XmlContent> {
        self.allow_any(if attach { "ec2:AttachVolume" } else { "ec2:DetachVolume" })?;
        let id = params.need("VolumeId")?;
        let volume =
            self.here.volumes.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Volume, id))?.clone();
        let wanted = if attach { Some(params.need("InstanceId")?) } else { params.text("InstanceId") };
        let device = params.text("Device").map(String::from);
        params.flag("Force")?;
        if attach && volume.instance.is_some() {
            return Err(ApiError::new("VolumeInUse", format!("{id} is already attached to an instance")));
        }
        let holder = wanted.map(String::from).or(volume.instance.clone());
        let holder = holder.filter(|holder| attach || volume.instance.as_ref() == Some(holder));
        let holder = holder.ok_or_else(|| {
            ApiError::new("IncorrectState", format!("Volume '{id}' is in the 'available' state."))
        })?;
        let instance =
            self.visible(&holder).ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, &holder))?;
        if !matches!(instance.state, SandboxInstanceState::Running | SandboxInstanceState::Stopped) {
            return Err(ApiError::new("IncorrectState", format!("Instance '{holder}' is not 'running'.")));
        }
        let root = instance.volumes.first().is_some_and(|mapping| mapping.volume == id);
        if !attach && root && instance.state != SandboxInstanceState::Stopped {
            return Err(ApiError::new(
                "OperationNotPermitted",
                format!("Unable to detach root volume '{id}' from instance '{holder}'"),
            ));
        }
        if attach && instance.zone != volume.zone {
            return Err(ApiError::new(
                "InvalidVolume.ZoneMismatch",
                format!("The volume '{id}' is not in the same availability zone as instance '{holder}'"),
            ));
        }
        let device = match (attach, device) {
            (true, Some(device)) if instance.volumes.iter().any(|mapping| mapping.device == device) => {
                return Err(ApiError::value(format!(
                    "Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
                )));
            }
            (true, None) => {
                return Err(ApiError::new(
                    "MissingParameter",
                    "The request must contain the parameter device",
                ));
            }
            (_, device) => device.unwrap_or_default(),
        };
        self.finish_checks(params)?;
        let since = self.now;
        let found = self.here.instances.get_mut(&holder).expect("it was found");
        if attach {
            found.volumes.push(VolumeAttachment {
                device: device.clone(),
                volume: id.to_string(),
                delete: false,
                since,
            });
        } else {
            found.volumes.retain(|mapping| mapping.volume != id);
        }
        let held = self.here.volumes.get_mut(id).expect("it was found");
        held.instance = attach.then(|| holder.clone());
        let status = if attach { "attaching" } else { "detaching" };
        Ok(XmlFields::new()
            .put("volumeId", id)
            .put("instanceId", holder)
            .put("device", device)
            .put("status", status)
            .put("attachTime", since)
            .into())
    }

    fn snapshot_state(&self, snapshot: &VolumeSnapshot) -> (&'static str, &'static str) {
        let done = self.now.duration_since(snapshot.created) >= self.rules.timing.storage.0;
        if done { ("completed", "100%") } else { ("pending", "0%") }
    }

    fn snapshot_node(&self, snapshot: &VolumeSnapshot) -> XmlFields {
        let (status, progress) = self.snapshot_state(snapshot);
        XmlFields::new()
            .put("snapshotId", &snapshot.id)
            .put("volumeId", &snapshot.volume)
            .put("status", status)
            .put("startTime", snapshot.created)
            .put("progress", progress)
            .put("ownerId", self.account)
            .put("volumeSize", snapshot.size)
            .put("description", &snapshot.description)
            .some("tagSet", tag_nodes(&snapshot.tags))
            .put("encrypted", snapshot.encrypted)
            .put("storageTier", "standard")
    }

    pub(crate) fn create_snapshot(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:CreateSnapshot")?;
        let id = params.need("VolumeId")?;
        let volume =
            self.here.volumes.get(id).ok_or_else(|| ApiError::unknown_id(ResourceKind::Volume, id))?.clone();
        let description = params.text("Description").unwrap_or_default().to_string();
        let tags = read_own(params, "snapshot")?;
        self.finish_checks(params)?;
        let snapshot = VolumeSnapshot {
            id: self.ids.id("snap-"),
            volume: volume.id,
            size: volume.size,
            encrypted: volume.encrypted,
            description,
            created: self.now,
            tags,
        };
        let node = self.snapshot_node(&snapshot).into();
        self.here.snapshots.insert(snapshot.id.clone(), snapshot);
        Ok(node)
    }

    /// Serves DescribeSnapshots: the account's own, because no others exist here.
    pub(crate) fn describe_snapshots(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeSnapshots")?;
        let ids = params.list("SnapshotId");
        let owners = params.list("Owner");
        if let Some(id) = ids.iter().find(|id| !self.here.snapshots.contains_key(**id)) {
            return Err(ApiError::unknown_id(ResourceKind::Snapshot, id));
        }
        let filters = RequestFilters::read(params, &SNAPSHOT_FILTERS)?;
        let named = |found: &&VolumeSnapshot| {
            (ids.is_empty() || ids.contains(&found.id.as_str()))
                && (owners.is_empty() || owners.iter().any(|owner| ["self", self.account].contains(owner)))
        };
        let rows =
            self.here.snapshots.values().filter(named).filter(|found| filters.matches_row(self, found));
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> = rows.into_iter().map(|found| self.snapshot_node(found).into()).collect();
        Ok(XmlFields::new().put("snapshotSet", nodes).opt("nextToken", next).into())
    }

    /// Serves DeleteSnapshot. Fails while an image needs the snapshot.
    pub(crate) fn delete_snapshot(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DeleteSnapshot")?;
        let id = params.need("SnapshotId")?;
        if !self.here.snapshots.contains_key(id) {
            return Err(ApiError::unknown_id(ResourceKind::Snapshot, id));
        }
        if let Some(image) = self.here.images.values().find(|image| image.is_made_of(id)) {
            return Err(ApiError::new(
                "InvalidSnapshot.InUse",
                format!("The snapshot {id} is currently in use by {}", image.id),
            ));
        }
        self.finish_checks(params)?;
        self.here.snapshots.remove(id);
        Ok(XmlFields::new().put("return", true).into())
    }
}
