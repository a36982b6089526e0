use std::collections::BTreeSet;

use super::filter::{Filter, page};
use super::world::Desk;
use super::{ApiError, Done};
use crate::facts::TypeFact;
use crate::wire::{Fields, Node, Part, texts};

/// An image, as a launch needs it.
#[derive(Debug, Clone)]
pub(crate) struct Vessel {
    pub(crate) id: String,
    pub(crate) arch: String,
    pub(crate) root_device: String,
    pub(crate) root_gb: i64,
    pub(crate) encrypted: bool,
    pub(crate) snapshot: String,
}

impl Desk<'_> {
    /// The zone ids of this region.
    pub(crate) fn zones(&self) -> Vec<String> {
        self.facts.zones.get(self.region).cloned().unwrap_or_default()
    }

    /// Zone ids in the order in which this account names them: `a` is not the same place for everybody.
    fn shuffled(&self) -> &[String] {
        &self.here.network.zones
    }

    pub(crate) fn zone_name(&self, id: &str) -> String {
        let at = self.shuffled().iter().position(|zone| zone == id).unwrap_or(0);
        format!("{}{}", self.region, char::from(b'a' + at as u8))
    }

    pub(crate) fn zone_id(&self, name: &str) -> Done<String> {
        let found = self.shuffled().iter().find(|zone| self.zone_name(zone) == name);
        found.cloned().ok_or_else(|| ApiError::value(format!("Invalid availability zone: [{name}]")))
    }

    pub(crate) fn known_zone(&self, id: &str) -> Done<String> {
        let found = self.zones().into_iter().find(|zone| zone == id);
        found.ok_or_else(|| ApiError::value(format!("Invalid availability zone-id: [{id}]")))
    }

    /// DescribeRegions.
    pub(crate) fn describe_regions(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeRegions")?;
        let names = params.list("RegionName");
        params.flag("AllRegions")?;
        if let Some(unknown) = names.iter().find(|name| !self.facts.regions.contains_key(**name)) {
            return Err(ApiError::value(format!("Invalid region name(s) '{unknown}'")));
        }
        let filters = Filter::read(params)?;
        let mut nodes: Vec<Node> = Vec::new();
        for region in self.facts.regions.values().filter(|region| region.partition == self.partition()) {
            let endpoint = format!("ec2.{}.amazonaws.com", region.region);
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &Default::default(), |name| match name {
                "region-name" => one(&region.region),
                "endpoint" => one(&endpoint),
                "opt-in-status" => one("opt-in-not-required"),
                _ => None,
            })?;
            if fits
                && self.facts.zones.contains_key(&region.region)
                && (names.is_empty() || names.contains(&region.region.as_str()))
            {
                nodes.push(
                    Fields::new()
                        .put("regionName", &region.region)
                        .put("regionEndpoint", &endpoint)
                        .put("optInStatus", "opt-in-not-required")
                        .into(),
                );
            }
        }
        self.ready(params)?;
        Ok(Fields::new().put("regionInfo", nodes).into())
    }

    /// DescribeAvailabilityZones.
    pub(crate) fn describe_zones(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeAvailabilityZones")?;
        params.flag("AllAvailabilityZones")?;
        let mut wanted = Vec::new();
        for name in params.list("ZoneName") {
            wanted.push(self.zone_id(name)?);
        }
        for id in params.list("ZoneId") {
            wanted.push(self.known_zone(id)?);
        }
        let filters = Filter::read(params)?;
        let mut nodes: Vec<Node> = Vec::new();
        for zone in self.shuffled().to_vec() {
            let name = self.zone_name(&zone);
            let one = |text: &str| Some(vec![text.to_string().into()]);
            let fits = Filter::pass(&filters, &Default::default(), |filter| match filter {
                "zone-name" => one(&name),
                "zone-id" => one(&zone),
                "zone-type" => one("availability-zone"),
                "region-name" | "group-name" => one(self.region),
                "state" => one("available"),
                "opt-in-status" => one("opt-in-not-required"),
                _ => None,
            })?;
            if fits && (wanted.is_empty() || wanted.contains(&zone)) {
                let node = Fields::new()
                    .put("zoneName", name)
                    .put("zoneState", "available")
                    .put("regionName", self.region)
                    .put("messageSet", Vec::new())
                    .put("zoneId", zone)
                    .put("groupName", self.region)
                    .put("networkBorderGroup", self.region)
                    .put("optInStatus", "opt-in-not-required")
                    .put("zoneType", "availability-zone");
                nodes.push(node.into());
            }
        }
        self.ready(params)?;
        Ok(Fields::new().put("availabilityZoneInfo", nodes).into())
    }

    /// DescribeInstanceTypeOfferings.
    pub(crate) fn describe_offerings(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstanceTypeOfferings")?;
        let kind = params
            .one_of("LocationType", &["region", "availability-zone", "availability-zone-id"])?
            .unwrap_or("region");
        let filters = Filter::read(params)?;
        let mut rows: Vec<(&String, String)> = Vec::new();
        for (name, zones) in self.facts.offerings.get(self.region).into_iter().flatten() {
            let places: Vec<String> = match kind {
                "region" if zones.is_empty() => Vec::new(),
                "region" => vec![self.region.to_string()],
                "availability-zone" => zones.iter().map(|zone| self.zone_name(zone)).collect(),
                _ => zones.iter().cloned().collect(),
            };
            for place in places {
                let one = |text: &str| Some(vec![text.to_string().into()]);
                let fits = Filter::pass(&filters, &Default::default(), |filter| match filter {
                    "location" => one(&place),
                    "instance-type" => one(name),
                    _ => None,
                })?;
                if fits {
                    rows.push((name, place));
                }
            }
        }
        let (rows, next) = page(params, rows, (5, 1000))?;
        self.ready(params)?;
        let node = |(name, place): (&String, String)| {
            Fields::new().put("instanceType", name).put("locationType", kind).put("location", place).into()
        };
        Ok(Fields::new()
            .put("instanceTypeOfferingSet", rows.into_iter().map(node).collect::<Vec<Node>>())
            .opt("nextToken", next)
            .into())
    }

    /// DescribeInstanceTypes: those that this region offers.
    pub(crate) fn describe_types(&mut self, params: &Part<'_>) -> Done<Node> {
        self.allow_any("ec2:DescribeInstanceTypes")?;
        let wanted = params.list("InstanceType");
        let here = self.facts.offerings.get(self.region);
        let offered: BTreeSet<&String> =
            here.into_iter().flatten().filter(|(_, zones)| !zones.is_empty()).map(|(name, _)| name).collect();
        if wanted.len() > 100 {
            return Err(ApiError::value("The maximum number of instance types is 100"));
        }
        let unknown: Vec<&str> =
            wanted.iter().filter(|name| !offered.contains(&name.to_string())).copied().collect();
        if !unknown.is_empty() {
            return Err(ApiError::new(
                "InvalidInstanceType",
                format!("The following supplied instance types do not exist: [{}]", unknown.join(", ")),
            ));
        }
        if !wanted.is_empty() && params.text("MaxResults").is_some() {
            return Err(ApiError::combination(
                "The parameter MaxResults cannot be used with the parameter InstanceTypes",
            ));
        }
        let filters = Filter::read(params)?;
        let mut rows = Vec::new();
        for kind in self.facts.types.values().filter(|kind| offered.contains(&kind.instance_type)) {
            let fits = Filter::pass(&filters, &Default::default(), |name| type_filter(kind, name))?;
            if fits && (wanted.is_empty() || wanted.contains(&kind.instance_type.as_str())) {
                rows.push(kind);
            }
        }
        let (rows, next) = page(params, rows, (5, 100))?;
        self.ready(params)?;
        let nodes: Vec<Node> = rows.into_iter().map(type_node).collect();
        Ok(Fields::new().put("instanceTypeSet", nodes).opt("nextToken", next).into())
    }
}

fn type_filter<'v>(kind: &'v TypeFact, name: &str) -> Option<Vec<std::borrow::Cow<'v, str>>> {
    let one = |text: &str| Some(vec![text.to_string().into()]);
    let many = |list: &'v [String]| Some(list.iter().map(|text| text.as_str().into()).collect());
    let flag = |flag: bool| one(if flag { "true" } else { "false" });
    match name {
        "instance-type" => one(&kind.instance_type),
        "current-generation" => flag(kind.current_generation),
        "bare-metal" => flag(kind.bare_metal),
        "burstable-performance-supported" => flag(kind.burstable),
        "free-tier-eligible" => flag(kind.free_tier),
        "hibernation-supported" => flag(kind.hibernation),
        "dedicated-hosts-supported" => flag(kind.dedicated_hosts),
        "auto-recovery-supported" => flag(kind.auto_recovery),
        "instance-storage-supported" => flag(kind.storage_gb > 0),
        "hypervisor" => Some(kind.hypervisor.iter().map(|text| text.as_str().into()).collect()),
        "supported-usage-class" => many(&kind.usage_classes),
        "supported-root-device-type" => many(&kind.root_devices),
        "supported-virtualization-type" => many(&kind.virtualization),
        "supported-boot-mode" => many(&kind.boot_modes),
        "processor-info.supported-architecture" => many(&kind.architectures),
        "processor-info.supported-features" => many(&kind.processor_features),
        "vcpu-info.default-vcpus" => one(&kind.vcpus.to_string()),
        "vcpu-info.default-cores" => one(&kind.cores.to_string()),
        "memory-info.size-in-mib" => one(&kind.memory_mib.to_string()),
        "network-info.ena-support" => one(&kind.ena),
        "network-info.efa-supported" => flag(kind.efa),
        "ebs-info.ebs-optimized-support" => one(&kind.ebs_optimized),
        _ => None,
    }
}

/// An instance type as DescribeInstanceTypes shows it. What the columns have only in sum (cards, disks) is
/// shown as that many equal ones.
fn type_node(kind: &TypeFact) -> Node {
    let numbers = |list: &[i64]| list.iter().map(|number| Node::from(*number)).collect::<Vec<Node>>();
    let processor = Fields::new()
        .put("supportedArchitectures", texts(&kind.architectures))
        .opt("sustainedClockSpeedInGhz", kind.clock_ghz)
        .some("supportedFeatures", texts(&kind.processor_features))
        .put("manufacturer", &kind.cpu_maker);
    let cpus = Fields::new()
        .put("defaultVCpus", kind.vcpus)
        .put("defaultCores", kind.cores)
        .put("defaultThreadsPerCore", kind.threads_per_core)
        .some("validCores", numbers(&kind.valid_cores));
    let strategies = Fields::new().put("supportedStrategies", texts(&kind.placement_strategies));
    let on = |flag: bool| if flag { "supported" } else { "unsupported" };
    let fields = Fields::new()
        .put("instanceType", &kind.instance_type)
        .put("currentGeneration", kind.current_generation)
        .put("freeTierEligible", kind.free_tier)
        .put("supportedUsageClasses", texts(&kind.usage_classes))
        .put("supportedRootDeviceTypes", texts(&kind.root_devices))
        .put("supportedVirtualizationTypes", texts(&kind.virtualization))
        .put("bareMetal", kind.bare_metal)
        .opt("hypervisor", kind.hypervisor.as_deref())
        .put("processorInfo", processor)
        .put("vCpuInfo", cpus)
        .put("memoryInfo", Fields::new().put("sizeInMiB", kind.memory_mib))
        .put("instanceStorageSupported", kind.storage_gb > 0);
    devices(storage(fields, kind), kind)
        .put("ebsInfo", ebs(kind))
        .put("networkInfo", network(kind))
        .put("placementGroupInfo", strategies)
        .put("hibernationSupported", kind.hibernation)
        .put("burstablePerformanceSupported", kind.burstable)
        .put("dedicatedHostsSupported", kind.dedicated_hosts)
        .put("autoRecoverySupported", kind.auto_recovery)
        .put("supportedBootModes", texts(&kind.boot_modes))
        .put("nitroEnclavesSupport", on(kind.nitro_enclaves))
        .put("nitroTpmSupport", on(kind.nitro_tpm))
        .put("rebootMigrationSupport", on(kind.reboot_migration))
        .into()
}

fn storage(fields: Fields, kind: &TypeFact) -> Fields {
    if kind.storage_gb == 0 {
        return fields;
    }
    let disk = Fields::new()
        .opt("sizeInGB", kind.storage_disk_gb)
        .put("count", kind.storage_disks)
        .opt("type", kind.storage_type.as_deref());
    let info = Fields::new()
        .put("totalSizeInGB", kind.storage_gb)
        .put("disks", vec![disk.into()])
        .opt("nvmeSupport", kind.storage_nvme.as_deref())
        .opt("encryptionSupport", kind.storage_encryption.as_deref());
    fields.put("instanceStorageInfo", info)
}

fn ebs(kind: &TypeFact) -> Fields {
    let optimized = kind.ebs_baseline_mbps.map(|baseline| {
        Fields::new()
            .put("baselineBandwidthInMbps", baseline)
            .opt("baselineThroughputInMBps", kind.ebs_baseline_mbytes)
            .opt("baselineIops", kind.ebs_baseline_iops)
            .opt("maximumBandwidthInMbps", kind.ebs_max_mbps)
            .opt("maximumThroughputInMBps", kind.ebs_max_mbytes)
            .opt("maximumIops", kind.ebs_max_iops)
    });
    Fields::new()
        .put("ebsOptimizedSupport", &kind.ebs_optimized)
        .put("encryptionSupport", "supported")
        .opt("ebsOptimizedInfo", optimized)
        .put("nvmeSupport", &kind.ebs_nvme)
        .opt("maximumEbsAttachments", kind.ebs_attachments)
}

fn network(kind: &TypeFact) -> Fields {
    let cards = kind.network_cards.max(1);
    let card = |number: i64| -> Node {
        let share = |sum: Option<f64>| sum.map(|sum| sum / cards as f64);
        Fields::new()
            .put("networkCardIndex", number)
            .put("networkPerformance", &kind.network_performance)
            .put("maximumNetworkInterfaces", kind.network_interfaces / cards)
            .opt("baselineBandwidthInGbps", share(kind.network_baseline_gbps))
            .opt("peakBandwidthInGbps", share(kind.network_peak_gbps))
            .into()
    };
    let efa = kind.efa_interfaces.map(|most| Fields::new().put("maximumEfaInterfaces", most));
    Fields::new()
        .put("networkPerformance", &kind.network_performance)
        .put("maximumNetworkInterfaces", kind.network_interfaces)
        .put("maximumNetworkCards", cards)
        .put("defaultNetworkCardIndex", 0i64)
        .put("networkCards", (0..cards).map(card).collect::<Vec<Node>>())
        .put("ipv4AddressesPerInterface", kind.ipv4_per_interface)
        .put("ipv6AddressesPerInterface", kind.ipv6_per_interface)
        .put("ipv6Supported", kind.ipv6)
        .put("enaSupport", &kind.ena)
        .put("efaSupported", kind.efa)
        .opt("efaInfo", efa)
        .put("encryptionInTransitSupported", kind.encryption_in_transit)
        .put("enaSrdSupported", kind.ena_srd)
        .some("bandwidthWeightings", texts(&kind.bandwidth_weightings))
}

fn devices(mut fields: Fields, kind: &TypeFact) -> Fields {
    let memory = |mib: Option<i64>| mib.map(|mib| Fields::new().put("sizeInMiB", mib));
    if let Some(model) = &kind.gpu_model {
        let gpu = Fields::new()
            .put("name", model)
            .opt("manufacturer", kind.gpu_maker.as_deref())
            .opt("count", kind.gpu_count_reported)
            .opt("logicalGpuCount", kind.gpu_logical_count)
            .opt("gpuPartitionSize", kind.gpu_partition_size)
            .opt("memoryInfo", memory(kind.gpu_memory_each_mib_reported));
        let info = Fields::new()
            .put("gpus", vec![gpu.into()])
            .opt("totalGpuMemoryInMiB", kind.gpu_memory_mib_reported);
        fields = fields.put("gpuInfo", info);
    }
    if let Some(model) = &kind.fpga_model {
        let fpga = Fields::new().put("name", model).put("count", kind.fpgas);
        fields = fields.put("fpgaInfo", Fields::new().put("fpgas", vec![fpga.into()]));
    }
    if let Some(model) = &kind.inference_model {
        let one = Fields::new()
            .put("name", model)
            .opt("manufacturer", kind.inference_maker.as_deref())
            .put("count", kind.inference_accelerators);
        let info = Fields::new()
            .put("accelerators", Node::Members(vec![one.into()]))
            .opt("totalInferenceMemoryInMiB", kind.inference_memory_mib);
        fields = fields.put("inferenceAcceleratorInfo", info);
    }
    if let Some(model) = &kind.neuron_model {
        let devices = kind.neuron_devices.max(1);
        let core = Fields::new().put("count", kind.neuron_cores / devices);
        let each = kind.neuron_memory_mib.map(|all| all / devices);
        let one = Fields::new()
            .put("count", kind.neuron_devices)
            .put("name", model)
            .put("coreInfo", core)
            .opt("memoryInfo", memory(each));
        let info = Fields::new()
            .put("neuronDevices", vec![one.into()])
            .opt("totalNeuronDeviceMemoryInMiB", kind.neuron_memory_mib);
        fields = fields.put("neuronInfo", info);
    }
    if let Some(model) = &kind.media_model {
        let one = Fields::new().put("count", kind.media_accelerators).put("name", model);
        fields = fields.put("mediaAcceleratorInfo", Fields::new().put("accelerators", vec![one.into()]));
    }
    fields
}
