use domain::Timestamp;

use super::disks::LaunchImage;
use super::instance_transitions::wrong_state;
use super::tags::{nodes as tag_nodes, read_own};
use crate::core::{
    ApiError, ApiResult, MachineImage, RegionView, ResourceKind, ResourceTags, SandboxInstanceState,
    VolumeSnapshot, derived_id,
};
use crate::engine::filter::{FilterTable, RequestFilters, at, flag, many, one, own};
use crate::wire::{QueryParamPart, XmlContent, XmlFields};

/// A public image that an SSM parameter refers to.
pub(crate) struct PublicImage {
    /// The parameter's name.
    pub(crate) parameter: &'static str,
    name: &'static str,
    /// The owner's account id.
    owner: &'static str,
    arch: &'static str,
    root_device: &'static str,
    /// Size of the root volume, GiB.
    size: i64,
}

/// The owners of the public images. The ids are AWS's own.
const AMAZON: &str = "137112412989";
const CANONICAL: &str = "099720109477";
const DEBIAN: &str = "136693071363";
const DEEP_LEARNING: &str = "898082745236";
const WINDOWS: &str = "801119661308";
const MACOS: &str = "628277914472";

impl PublicImage {
    const fn new(
        owner: &'static str,
        arch: &'static str,
        (root_device, size): (&'static str, i64),
        name: &'static str,
        parameter: &'static str,
    ) -> PublicImage {
        PublicImage { parameter, name, owner, arch, root_device, size }
    }
}

const XVDA: (&str, i64) = ("/dev/xvda", 8);
const SDA: (&str, i64) = ("/dev/sda1", 8);

pub(crate) const PUBLIC_IMAGES: [PublicImage; 14] = [
    PublicImage::new(
        AMAZON,
        "x86_64",
        XVDA,
        "al2023-ami-2023-kernel-default-x86_64",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    ),
    PublicImage::new(
        AMAZON,
        "arm64",
        XVDA,
        "al2023-ami-2023-kernel-default-arm64",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
    ),
    PublicImage::new(
        AMAZON,
        "x86_64",
        XVDA,
        "al2023-ami-2023-kernel-6.1-x86_64",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64",
    ),
    PublicImage::new(
        AMAZON,
        "arm64",
        XVDA,
        "al2023-ami-2023-kernel-6.1-arm64",
        "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64",
    ),
    PublicImage::new(
        AMAZON,
        "x86_64",
        XVDA,
        "amzn2-ami-hvm-x86_64-gp2",
        "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
    ),
    PublicImage::new(
        AMAZON,
        "arm64",
        XVDA,
        "amzn2-ami-hvm-arm64-gp2",
        "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-arm64-gp2",
    ),
    PublicImage::new(
        CANONICAL,
        "x86_64",
        SDA,
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server",
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
    ),
    PublicImage::new(
        CANONICAL,
        "arm64",
        SDA,
        "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server",
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id",
    ),
    PublicImage::new(
        DEEP_LEARNING,
        "x86_64",
        ("/dev/xvda", 40),
        "Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)",
        "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-al2023/latest/ami-id",
    ),
    PublicImage::new(
        DEEP_LEARNING,
        "arm64",
        ("/dev/xvda", 40),
        "Deep Learning ARM64 Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023)",
        "/aws/service/deeplearning/ami/arm64/base-oss-nvidia-driver-gpu-al2023/latest/ami-id",
    ),
    PublicImage::new(
        DEBIAN,
        "x86_64",
        XVDA,
        "debian-13-amd64-20251117-2299",
        "/aws/service/debian/release/13/latest/amd64",
    ),
    PublicImage::new(
        DEBIAN,
        "arm64",
        XVDA,
        "debian-13-arm64-20251117-2299",
        "/aws/service/debian/release/13/latest/arm64",
    ),
    PublicImage::new(
        WINDOWS,
        "x86_64",
        ("/dev/sda1", 30),
        "Windows_Server-2022-English-Full-Base-2026.11.12",
        "/aws/service/ami-windows-latest/Windows_Server-2022-English-Full-Base",
    ),
    PublicImage::new(
        MACOS,
        "arm64_mac",
        ("/dev/sda1", 100),
        "amzn-ec2-macos-15.1-20261101-arm64",
        "/aws/service/ec2-macos/sequoia/arm64_mac/latest/image_id",
    ),
];

/// The filters of DescribeImages, over an image and whether the account owns it.
const FILTERS: FilterTable<(MachineImage, bool)> = FilterTable {
    tags: Some(|(image, _)| &image.tags),
    tag: None,
    named: &[
        ("architecture", |_, (image, _)| one(&image.arch)),
        ("block-device-mapping.delete-on-termination", |_, _| flag(true)),
        ("block-device-mapping.device-name", |_, (image, _)| one(&image.root_device)),
        ("block-device-mapping.encrypted", |_, (image, _)| flag(image.encrypted)),
        ("block-device-mapping.snapshot-id", |_, (image, _)| one(&image.snapshot)),
        ("block-device-mapping.volume-size", |_, (image, _)| own(image.size)),
        ("block-device-mapping.volume-type", |_, _| one("gp3")),
        ("creation-date", |_, (image, _)| at(image.created)),
        ("description", |_, (image, _)| one(&image.description)),
        ("ena-support", |_, _| flag(true)),
        ("hypervisor", |_, _| one("xen")),
        ("image-allowed", |_, _| flag(true)),
        ("image-id", |_, (image, _)| one(&image.id)),
        ("image-type", |_, _| one("machine")),
        ("is-public", |_, (_, own)| flag(!own)),
        ("manifest-location", |_, (image, _)| own(image.location())),
        ("name", |_, (image, _)| one(&image.name)),
        ("owner-alias", |_, (_, own)| many((!own).then_some("amazon"))),
        ("owner-id", |_, (image, _)| one(&image.owner)),
        ("platform", |_, (image, _)| many(image.platform())),
        ("root-device-name", |_, (image, _)| one(&image.root_device)),
        ("root-device-type", |_, _| one("ebs")),
        ("source-instance-id", |_, (image, _)| many(&image.source)),
        ("state", |desk, (image, _)| one(desk.image_state(image))),
        ("virtualization-type", |_, _| one("hvm")),
    ],
    bare: &[
        "kernel-id",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "source-image-id",
        "source-image-region",
        "sriov-net-support",
        "state-reason-code",
        "state-reason-message",
    ],
};

impl RegionView<'_> {
    /// Returns an id that is the same for all accounts and seeds.
    fn public_id(&self, prefix: &str, name: &str) -> String {
        derived_id(prefix, 0, &[self.region, name])
    }

    pub(crate) fn public_image(&self, row: usize) -> MachineImage {
        let PublicImage { name, owner, arch, root_device, size, .. } = PUBLIC_IMAGES[row];
        MachineImage {
            id: self.public_id("ami-", name),
            name: name.to_string(),
            description: String::new(),
            owner: owner.to_string(),
            arch: arch.to_string(),
            root_device: root_device.to_string(),
            size,
            encrypted: false,
            snapshot: self.public_id("snap-", name),
            created: Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 20_000),
            source: None,
            tags: ResourceTags::new(),
        }
    }

    fn public_images(&self) -> Vec<MachineImage> {
        (0..PUBLIC_IMAGES.len()).map(|row| self.public_image(row)).collect()
    }

    fn parameter(&self, name: &str) -> Option<MachineImage> {
        PUBLIC_IMAGES.iter().position(|image| image.parameter == name).map(|row| self.public_image(row))
    }

    /// Returns the image for an id or for `resolve:ssm:…`. Fails while the image is pending.
    pub(crate) fn image(&self, id: &str) -> ApiResult<LaunchImage> {
        let found = match id.strip_prefix("resolve:ssm:") {
            Some(name) => Some(self.parameter(name).ok_or_else(|| {
                ApiError::value(format!("Invalid value '{id}' for ImageId: the parameter cannot be resolved"))
            })?),
            None => self
                .public_images()
                .into_iter()
                .find(|image| image.id == id)
                .or_else(|| self.here.images.get(id).cloned()),
        };
        let image = found.ok_or_else(|| ApiError::unknown_id(ResourceKind::Image, id))?;
        if self.now.duration_since(image.created) < self.rules.timing.storage.0 {
            return Err(ApiError::new(
                "InvalidAMIID.Unavailable",
                format!("The image ID '{id}' is not available"),
            ));
        }
        Ok(LaunchImage {
            id: image.id,
            arch: image.arch,
            root_device: image.root_device,
            root_gb: image.size,
            encrypted: image.encrypted,
            snapshot: image.snapshot,
        })
    }

    pub(crate) fn describe_images(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeImages")?;
        let ids = params.list("ImageId");
        let owners = params.list("Owner");
        params.flag("IncludeDeprecated")?;
        let runners = params.list("ExecutableBy");
        let filters = RequestFilters::read(params, &FILTERS)?;
        let own = self.here.images.values().cloned().map(|image| (image, true));
        let all: Vec<(MachineImage, bool)> =
            own.chain(self.public_images().into_iter().map(|image| (image, false))).collect();
        if let Some(id) = ids.iter().find(|id| !all.iter().any(|(image, _)| image.id == **id)) {
            return Err(ApiError::unknown_id(ResourceKind::Image, id));
        }
        let named = |(image, own): &(MachineImage, bool)| {
            let owned = owners.is_empty()
                || owners.iter().any(|asked| {
                    *asked == image.owner || (*asked == "self" && *own) || (*asked == "amazon" && !own)
                });
            // No image is shared with single accounts.
            let shared = runners.is_empty() || (!own && runners.contains(&"all"));
            owned && shared && (ids.is_empty() || ids.contains(&image.id.as_str()))
        };
        let rows = all.into_iter().filter(named).filter(|row| filters.matches_row(self, row));
        let (rows, next) = self.page(params, rows, (1, 1000))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> = rows.iter().map(|(image, own)| self.image_node(image, *own)).collect();
        Ok(XmlFields::new().put("imagesSet", nodes).opt("nextToken", next).into())
    }

    fn image_state(&self, image: &MachineImage) -> &'static str {
        if self.now.duration_since(image.created) < self.rules.timing.storage.0 {
            "pending"
        } else {
            "available"
        }
    }

    fn image_node(&self, image: &MachineImage, own: bool) -> XmlContent {
        let ebs = XmlFields::new()
            .put("snapshotId", &image.snapshot)
            .put("volumeSize", image.size)
            .put("deleteOnTermination", true)
            .put("volumeType", "gp3")
            .put("encrypted", image.encrypted);
        let disk = XmlFields::new().put("deviceName", &image.root_device).put("ebs", ebs);
        XmlFields::new()
            .put("imageId", &image.id)
            .put("imageLocation", image.location())
            .put("imageState", self.image_state(image))
            .put("imageOwnerId", &image.owner)
            .put("creationDate", image.created)
            .put("isPublic", !own)
            .put("architecture", &image.arch)
            .put("imageType", "machine")
            .opt("imageOwnerAlias", (!own).then_some("amazon"))
            .put("name", &image.name)
            .put("description", &image.description)
            .put("rootDeviceType", "ebs")
            .put("rootDeviceName", &image.root_device)
            .put("blockDeviceMapping", vec![disk.into()])
            .put("virtualizationType", "hvm")
            .some("tagSet", tag_nodes(&image.tags))
            .opt("sourceInstanceId", image.source.as_ref())
            .put("hypervisor", "xen")
            .put("enaSupport", true)
            .opt("platform", image.platform())
            .put("platformDetails", image.platform().map_or("Linux/UNIX", |_| "Windows"))
            .put("usageOperation", image.platform().map_or("RunInstances", |_| "RunInstances:0002"))
            .into()
    }

    /// Serves CreateImage for a running or stopped instance.
    pub(crate) fn create_image(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        let instance = params.need("InstanceId")?;
        let found = self
            .visible(instance)
            .ok_or_else(|| ApiError::unknown_id(ResourceKind::Instance, instance))?
            .clone();
        let name = params.need("Name")?;
        params.flag("NoReboot")?;
        let tags = read_own(params, "image")?;
        let arn = self.arn("ec2", &format!("instance/{instance}"));
        self.allow("ec2:CreateImage", &arn, &found.tags, &[])?;
        if self.here.images.values().any(|image| image.name == name) {
            return Err(ApiError::new(
                "InvalidAMIName.Duplicate",
                format!("AMI name {name} is already in use by another AMI"),
            ));
        }
        if !matches!(found.state, SandboxInstanceState::Running | SandboxInstanceState::Stopped) {
            return Err(wrong_state(instance, found.state, "imaged"));
        }
        let description = params.text("Description").unwrap_or_default().to_string();
        self.finish_checks(params)?;
        let root = found.volumes.first().and_then(|mapping| self.here.volumes.get(&mapping.volume)).cloned();
        let (size, encrypted, volume) =
            root.map_or((8, false, String::new()), |root| (root.size, root.encrypted, root.id));
        let snapshot = VolumeSnapshot {
            id: self.ids.id("snap-"),
            volume,
            size,
            encrypted,
            description: format!("Created by CreateImage({instance})"),
            created: self.now,
            tags: ResourceTags::new(),
        };
        let image = MachineImage {
            id: self.ids.id("ami-"),
            name: name.to_string(),
            description,
            owner: self.account.to_string(),
            arch: found.arch,
            root_device: found
                .volumes
                .first()
                .map_or("/dev/xvda".to_string(), |mapping| mapping.device.clone()),
            size,
            encrypted,
            snapshot: snapshot.id.clone(),
            created: self.now,
            source: Some(found.id),
            tags,
        };
        let id = image.id.clone();
        self.here.snapshots.insert(snapshot.id.clone(), snapshot);
        self.here.images.insert(id.clone(), image);
        Ok(XmlFields::new().put("imageId", id).into())
    }

    pub(crate) fn deregister_image(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DeregisterImage")?;
        let id = params.need("ImageId")?;
        if !self.here.images.contains_key(id) {
            return Err(ApiError::unknown_id(ResourceKind::Image, id));
        }
        self.finish_checks(params)?;
        self.here.images.remove(id);
        Ok(XmlFields::new().put("return", true).into())
    }
}
