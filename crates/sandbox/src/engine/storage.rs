use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::instance::{Mapping, State, Tags, Volume};
use super::tags::{nodes as tag_nodes, read_own};
use super::world::Desk;
use super::{ApiError, Done, Kind};
use crate::wire::{Fields, Node, Part};

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) volume: String,
    pub(crate) size: i64,
    pub(crate) encrypted: bool,
    pub(crate) description: String,
    pub(crate) created: Timestamp,
    pub(crate) tags: Tags,
}

impl Desk<'_> {
    fn volume_state(&self, volume: &Volume) -> &'static str {
        let fresh = self.now.duration_since(volume.created) < self.rules.timing.storage.0;
        match &volume.instance {
            Some(_) => "in-use",
            None if fresh => "creating",
            None => "available",
        }
    }

    fn volume_node(&self, volume: &Volume) -> Node {
        let holder = volume.instance.as_ref().and_then(|id| self.here.instances.get(id));
        let mapping =
            holder.and_then(|found| found.volumes.iter().find(|mapping| mapping.volume == volume.id));
        let attachment = holder.zip(mapping).map(|(found, mapping)| -> Node {
            Fields::new()
                .put("volumeId", &volume.id)
                .put("instanceId", &found.id)
                .put("device", &mapping.device)
                .put("status", "attached")
                .put("attachTime", mapping.since)
                .put("deleteOnTermination", mapping.delete)
                .into()
        });
        Fields::new()
            .put("volumeId", &volume.id)
            .put("size", volume.size)
            .put("snapshotId", volume.snapshot.as_deref().unwrap_or_default())
            .put("availabilityZone", self.zone_name(&volume.zone))
            .put("availabilityZoneId", &volume.zone)
            .put("status", self.volume_state(volume))
            .put("createTime", volume.created)
            .put("attachmentSet", attachment.into_iter().collect::<Vec<Node>>())
            .some("tagSet", tag_nodes(&volume.tags))
            .put("volumeType", &volume.kind)
            .opt("iops", volume.iops)
            .opt("throughput", volume.throughput)
            .put("encrypted", volume.encrypted)
            .put("multiAttachEnabled", false)
            .into()
    }

    /// DescribeVolumes.
    pub(crate) fn describe_volumes(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeVolumes")?;
        let ids = params.list("VolumeId");
        if let Some(id) = ids.iter().find(|id| !self.here.volumes.contains_key(**id)) {
            return Err(ApiError::no_such(Kind::Volume, id));
        }
        let filters = Filter::read(params)?;
        let mut rows = Vec::new();
        for volume in
            self.here.volumes.values().filter(|volume| ids.is_empty() || ids.contains(&volume.id.as_str()))
        {
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &volume.tags, |name| match name {
                "volume-id" => one(&volume.id),
                "status" => one(self.volume_state(volume)),
                "size" => one(&volume.size.to_string()),
                "volume-type" => one(&volume.kind),
                "encrypted" => one(if volume.encrypted { "true" } else { "false" }),
                "availability-zone" => one(&self.zone_name(&volume.zone)),
                "snapshot-id" => Some(volume.snapshot.iter().map(|id| id.clone().into()).collect()),
                "attachment.instance-id" => {
                    Some(volume.instance.iter().map(|id| id.clone().into()).collect())
                }
                "attachment.status" => Some(volume.instance.iter().map(|_| "attached".into()).collect()),
                _ => None,
            })?;
            if fits {
                rows.push(volume);
            }
        }
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.ready(params)?;
        let nodes: Vec<Node> = rows.into_iter().map(|volume| self.volume_node(volume)).collect();
        Ok(Fields::new().put("volumeSet", nodes).opt("nextToken", next).into())
    }

    /// CreateVolume.
    pub(crate) fn create_volume(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:CreateVolume")?;
        let zone = self.zone_id(params.need("AvailabilityZone")?)?;
        let snapshot = params.text("SnapshotId");
        let from = match snapshot {
            Some(id) => {
                Some(self.here.snapshots.get(id).ok_or_else(|| ApiError::no_such(Kind::Snapshot, id))?)
            }
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
        self.ready(params)?;
        let volume = Volume {
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

    /// DeleteVolume: not while it is attached.
    pub(crate) fn delete_volume(&mut self, params: &Part<'_>) -> Done<Node> {
        let id = params.need("VolumeId")?;
        let volume = self.here.volumes.get(id).ok_or_else(|| ApiError::no_such(Kind::Volume, id))?;
        let (tags, holder) = (volume.tags.clone(), volume.instance.clone());
        let arn = self.arn("ec2", &format!("volume/{id}"));
        self.allow("ec2:DeleteVolume", &arn, &tags, &[])?;
        if let Some(instance) = holder {
            return Err(ApiError::new(
                "VolumeInUse",
                format!("Volume {id} is currently attached to {instance}"),
            ));
        }
        self.ready(params)?;
        self.here.volumes.remove(id);
        Ok(Fields::new().put("return", true).into())
    }

    /// AttachVolume and DetachVolume.
    pub(crate) fn attach_volume(&mut self, params: &Part<'_>, attach: bool) -> Done<Node> {
        self.allow_any(if attach { "ec2:AttachVolume" } else { "ec2:DetachVolume" })?;
        let id = params.need("VolumeId")?;
        let volume = self.here.volumes.get(id).ok_or_else(|| ApiError::no_such(Kind::Volume, id))?.clone();
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
        let instance = self.visible(&holder).ok_or_else(|| ApiError::no_such(Kind::Instance, &holder))?;
        if !matches!(instance.state, State::Running | State::Stopped) {
            return Err(ApiError::new("IncorrectState", format!("Instance '{holder}' is not 'running'.")));
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
        self.ready(params)?;
        let since = self.now;
        let found = self.here.instances.get_mut(&holder).expect("it was found");
        if attach {
            found.volumes.push(Mapping {
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
        Ok(Fields::new()
            .put("volumeId", id)
            .put("instanceId", holder)
            .put("device", device)
            .put("status", status)
            .put("attachTime", since)
            .into())
    }

    fn snapshot_node(&self, snapshot: &Snapshot) -> Fields {
        let done = self.now.duration_since(snapshot.created) >= self.rules.timing.storage.0;
        Fields::new()
            .put("snapshotId", &snapshot.id)
            .put("volumeId", &snapshot.volume)
            .put("status", if done { "completed" } else { "pending" })
            .put("startTime", snapshot.created)
            .put("progress", if done { "100%" } else { "0%" })
            .put("ownerId", self.account)
            .put("volumeSize", snapshot.size)
            .put("description", &snapshot.description)
            .some("tagSet", tag_nodes(&snapshot.tags))
            .put("encrypted", snapshot.encrypted)
            .put("storageTier", "standard")
    }

    /// CreateSnapshot.
    pub(crate) fn create_snapshot(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:CreateSnapshot")?;
        let id = params.need("VolumeId")?;
        let volume = self.here.volumes.get(id).ok_or_else(|| ApiError::no_such(Kind::Volume, id))?.clone();
        let description = params.text("Description").unwrap_or_default().to_string();
        let tags = read_own(params, "snapshot")?;
        self.ready(params)?;
        let snapshot = Snapshot {
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

    /// DescribeSnapshots: those of this account.
    pub(crate) fn describe_snapshots(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeSnapshots")?;
        let ids = params.list("SnapshotId");
        params.list("Owner");
        if let Some(id) = ids.iter().find(|id| !self.here.snapshots.contains_key(**id)) {
            return Err(ApiError::no_such(Kind::Snapshot, id));
        }
        let filters = Filter::read(params)?;
        let mut rows = Vec::new();
        for found in
            self.here.snapshots.values().filter(|found| ids.is_empty() || ids.contains(&found.id.as_str()))
        {
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &found.tags, |name| match name {
                "snapshot-id" => one(&found.id),
                "volume-id" => one(&found.volume),
                "description" => one(&found.description),
                "owner-id" => one(self.account),
                _ => None,
            })?;
            if fits {
                rows.push(found);
            }
        }
        let (rows, next) = self.page(params, rows, (5, 1000))?;
        self.ready(params)?;
        let nodes: Vec<Node> = rows.into_iter().map(|found| self.snapshot_node(found).into()).collect();
        Ok(Fields::new().put("snapshotSet", nodes).opt("nextToken", next).into())
    }

    /// DeleteSnapshot: not while an image needs it.
    pub(crate) fn delete_snapshot(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DeleteSnapshot")?;
        let id = params.need("SnapshotId")?;
        if !self.here.snapshots.contains_key(id) {
            return Err(ApiError::no_such(Kind::Snapshot, id));
        }
        if let Some(image) = self.here.images.values().find(|image| image.is_made_of(id)) {
            return Err(ApiError::new(
                "InvalidSnapshot.InUse",
                format!("The snapshot {id} is currently in use by {}", image.id),
            ));
        }
        self.ready(params)?;
        self.here.snapshots.remove(id);
        Ok(Fields::new().put("return", true).into())
    }
}
