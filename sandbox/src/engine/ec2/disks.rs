use crate::core::{ApiError, ApiResult, DiskRequest};
use crate::facts::TypeFact;
use crate::wire::QueryParamPart;

/// The properties of an image that a launch needs.
#[derive(Debug, Clone)]
pub(crate) struct LaunchImage {
    pub(crate) id: String,
    pub(crate) arch: String,
    pub(crate) root_device: String,
    pub(crate) root_gb: i64,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: String,
}

pub(crate) fn root_disk(image: &LaunchImage) -> DiskRequest {
    DiskRequest {
        device: image.root_device.clone(),
        size: image.root_gb,
        kind: "gp3".to_string(),
        iops: Some(3000),
        throughput: Some(125),
        encrypted: image.encrypted,
        snapshot: Some(image.snapshot.clone()),
        delete: true,
    }
}

pub(crate) fn read_disks(params: &QueryParamPart<'_>, image: &LaunchImage) -> ApiResult<Vec<DiskRequest>> {
    let mut disks = vec![root_disk(image)];
    for part in params.parts("BlockDeviceMapping") {
        let device = part.need("DeviceName")?.to_string();
        let ebs = part.part("Ebs");
        let at = disks.iter().position(|disk| disk.device == device);
        let known = at.map(|at| disks.remove(at));
        let mut disk = known.unwrap_or(DiskRequest {
            device,
            size: 0,
            kind: "gp3".into(),
            iops: None,
            throughput: None,
            encrypted: false,
            snapshot: None,
            delete: true,
        });
        let least = disk.size;
        disk.size = ebs.number("VolumeSize")?.unwrap_or(disk.size);
        if disk.size < least.max(1) || disk.size > 65_536 {
            let message = if least > 0 {
                format!(
                    "Volume of size {}GB is smaller than snapshot '{}', expect size >= {least}GB",
                    disk.size,
                    disk.snapshot.unwrap_or_default()
                )
            } else {
                "The request must contain the parameter size or snapshotId".to_string()
            };
            return Err(ApiError::new("InvalidBlockDeviceMapping", message));
        }
        if let Some(kind) =
            ebs.one_of("VolumeType", &["standard", "gp2", "gp3", "io1", "io2", "st1", "sc1"])?
        {
            disk.kind = kind.to_string();
        }
        disk.iops = ebs.number("Iops")?.or(disk.iops);
        disk.throughput = ebs.number("Throughput")?.or(disk.throughput);
        disk.encrypted = ebs.flag("Encrypted")?.unwrap_or(disk.encrypted);
        disk.delete = ebs.flag("DeleteOnTermination")?.unwrap_or(true);
        disks.push(disk);
    }
    Ok(disks)
}

pub(crate) fn may_hibernate(kind: &TypeFact, disks: &[DiskRequest]) -> ApiResult<()> {
    let refuse = |message: String| Err(ApiError::new("UnsupportedHibernationConfiguration", message));
    let memory = kind.memory_mib / 1024;
    if !kind.hibernation {
        return refuse(format!("The instance type {} does not support hibernation.", kind.instance_type));
    }
    if kind.memory_mib >= 150 * 1024 {
        return refuse("Instance RAM must be less than 150 GiB to hibernate.".to_string());
    }
    match disks.first() {
        Some(root) if !root.encrypted => {
            refuse("Hibernation requires an encrypted EBS root volume.".to_string())
        }
        Some(root) if root.size < memory + 1 => refuse(format!(
            "The root volume ({} GiB) is too small to hold the instance memory ({memory} GiB).",
            root.size
        )),
        _ => Ok(()),
    }
}
