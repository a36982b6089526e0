//! DescribeInstanceTypes, built from the columns of the dataset `instance_type`.

use std::collections::BTreeSet;

use super::type_filters::{TPM, TYPES, on_or_off, valid_threads};
use crate::core::{ApiError, ApiResult, RegionView};
use crate::engine::filter::RequestFilters;
use crate::facts::TypeFact;
use crate::wire::{QueryParamPart, XmlContent, XmlFields, XmlMembers, node, texts};

impl RegionView<'_> {
    /// Serves DescribeInstanceTypes: the types that this region offers, or all of them.
    pub(crate) fn describe_types(&mut self, params: &QueryParamPart<'_>) -> ApiResult<XmlContent> {
        self.allow_any("ec2:DescribeInstanceTypes")?;
        let wanted = params.list("InstanceType");
        let here = self.facts.offerings.get(self.region);
        let offered: BTreeSet<&String> =
            here.into_iter().flatten().filter(|(_, zones)| !zones.is_empty()).map(|(name, _)| name).collect();
        if wanted.len() > 100 {
            return Err(ApiError::value("The maximum number of instance types is 100"));
        }
        let everywhere = params.flag("IncludeUnsupportedInRegion")?.unwrap_or(false);
        let known = |name: &str| {
            self.facts.types.get(name).filter(|_| everywhere || offered.contains(&name.to_string()))
        };
        let unknown: Vec<&str> = wanted.iter().filter(|name| known(name).is_none()).copied().collect();
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
        let filters = RequestFilters::read(params, &TYPES)?;
        let rows = self.facts.types.keys().filter_map(|name| known(name));
        let named = |kind: &&TypeFact| wanted.is_empty() || wanted.contains(&kind.instance_type.as_str());
        let rows = rows.filter(named).filter(|kind| filters.matches_row(self, kind));
        let (rows, next) = self.page(params, rows, (5, 100))?;
        self.finish_checks(params)?;
        let nodes: Vec<XmlContent> =
            rows.into_iter().map(|kind| type_node(kind, offered.contains(&kind.instance_type))).collect();
        Ok(XmlFields::new().put("instanceTypeSet", nodes).opt("nextToken", next).into())
    }
}

/// Builds an instance type as DescribeInstanceTypes shows it. Cards and disks are shown as equal
/// parts, because the columns have only their sum.
fn type_node(kind: &TypeFact, offered: bool) -> XmlContent {
    let numbers = |list: &[i64]| list.iter().map(|number| node(*number)).collect::<Vec<XmlContent>>();
    let processor = XmlFields::new()
        .put("supportedArchitectures", texts(&kind.architectures))
        .opt("sustainedClockSpeedInGhz", kind.clock_ghz)
        .some("supportedFeatures", texts(&kind.processor_features))
        .put("manufacturer", &kind.cpu_maker);
    let cpus = XmlFields::new()
        .put("defaultVCpus", kind.vcpus)
        .put("defaultCores", kind.cores)
        .put("defaultThreadsPerCore", kind.threads_per_core)
        .some("validCores", numbers(&kind.valid_cores))
        .some("validThreadsPerCore", numbers(&valid_threads(kind)));
    let strategies = XmlFields::new().put("supportedStrategies", texts(&kind.placement_strategies));
    let fields = XmlFields::new()
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
        .put("memoryInfo", XmlFields::new().put("sizeInMiB", kind.memory_mib))
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
        .put("nitroEnclavesSupport", on_or_off(kind.nitro_enclaves))
        .put("nitroTpmSupport", on_or_off(kind.nitro_tpm))
        .opt("nitroTpmInfo", kind.nitro_tpm.then(|| XmlFields::new().put("supportedVersions", texts([TPM]))))
        .put("rebootMigrationSupport", on_or_off(kind.reboot_migration))
        .put("supportedInRegion", offered)
        .into()
}

fn storage(fields: XmlFields, kind: &TypeFact) -> XmlFields {
    if kind.storage_gb == 0 {
        return fields;
    }
    let disk = XmlFields::new()
        .opt("sizeInGB", kind.storage_disk_gb)
        .put("count", kind.storage_disks)
        .opt("type", kind.storage_type.as_deref());
    let info = XmlFields::new()
        .put("totalSizeInGB", kind.storage_gb)
        .put("disks", vec![disk.into()])
        .opt("nvmeSupport", kind.storage_nvme.as_deref())
        .opt("encryptionSupport", kind.storage_encryption.as_deref());
    fields.put("instanceStorageInfo", info)
}

fn ebs(kind: &TypeFact) -> XmlFields {
    let optimized = kind.ebs_baseline_mbps.map(|baseline| {
        XmlFields::new()
            .put("baselineBandwidthInMbps", baseline)
            .opt("baselineThroughputInMBps", kind.ebs_baseline_mbytes)
            .opt("baselineIops", kind.ebs_baseline_iops)
            .opt("maximumBandwidthInMbps", kind.ebs_max_mbps)
            .opt("maximumThroughputInMBps", kind.ebs_max_mbytes)
            .opt("maximumIops", kind.ebs_max_iops)
    });
    XmlFields::new()
        .put("ebsOptimizedSupport", &kind.ebs_optimized)
        .put("encryptionSupport", "supported")
        .opt("ebsOptimizedInfo", optimized)
        .put("nvmeSupport", &kind.ebs_nvme)
        .opt("maximumEbsAttachments", kind.ebs_attachments)
}

fn network(kind: &TypeFact) -> XmlFields {
    let cards = kind.network_cards.max(1);
    let interfaces: &[&str] = if kind.efa { &["interface", "efa", "efa-only"] } else { &["interface"] };
    // With several cards, each shows an equal share of the bandwidth.
    let share = |sum: Option<f64>| sum.map(|sum| sum / cards as f64);
    let performance =
        share(kind.network_peak_gbps).filter(|_| cards > 1).map(|peak| format!("{peak} Gigabit"));
    let card = |number: i64| -> XmlContent {
        XmlFields::new()
            .put("networkCardIndex", number)
            .put("networkPerformance", performance.as_ref().unwrap_or(&kind.network_performance))
            .put("maximumNetworkInterfaces", kind.network_interfaces / cards)
            .opt("baselineBandwidthInGbps", share(kind.network_baseline_gbps))
            .opt("peakBandwidthInGbps", share(kind.network_peak_gbps))
            .put("interfaceTypeSet", texts(interfaces.iter().copied()))
            .into()
    };
    let efa = kind.efa_interfaces.map(|most| XmlFields::new().put("maximumEfaInterfaces", most));
    XmlFields::new()
        .put("networkPerformance", &kind.network_performance)
        .put("maximumNetworkInterfaces", kind.network_interfaces)
        .put("maximumNetworkCards", cards)
        .put("defaultNetworkCardIndex", 0i64)
        .put("networkCards", (0..cards).map(card).collect::<Vec<XmlContent>>())
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

fn devices(fields: XmlFields, kind: &TypeFact) -> XmlFields {
    fields
        .opt("gpuInfo", gpus(kind))
        .opt("fpgaInfo", fpgas(kind))
        .opt("inferenceAcceleratorInfo", inference(kind))
        .opt("neuronInfo", neuron(kind))
        .opt("mediaAcceleratorInfo", media(kind))
}

fn memory(mib: Option<i64>) -> Option<XmlFields> {
    mib.map(|mib| XmlFields::new().put("sizeInMiB", mib))
}

fn gpus(kind: &TypeFact) -> Option<XmlFields> {
    let gpu = XmlFields::new()
        .put("name", kind.gpu_model.as_ref()?)
        .opt("manufacturer", kind.gpu_maker.as_deref())
        .opt("count", kind.gpu_count_reported)
        .opt("logicalGpuCount", kind.gpu_logical_count)
        .opt("gpuPartitionSize", kind.gpu_partition_size)
        .opt("memoryInfo", memory(kind.gpu_memory_each_mib_reported));
    let info = XmlFields::new().put("gpus", vec![gpu.into()]);
    Some(info.opt("totalGpuMemoryInMiB", kind.gpu_memory_mib_reported))
}

fn fpgas(kind: &TypeFact) -> Option<XmlFields> {
    let fpga = XmlFields::new().put("name", kind.fpga_model.as_ref()?).put("count", kind.fpgas);
    Some(XmlFields::new().put("fpgas", vec![fpga.into()]))
}

fn inference(kind: &TypeFact) -> Option<XmlFields> {
    let count = kind.inference_accelerators.max(1);
    let one = XmlFields::new()
        .put("count", kind.inference_accelerators)
        .put("name", kind.inference_model.as_ref()?)
        .opt("manufacturer", kind.inference_maker.as_deref())
        .opt("memoryInfo", memory(kind.inference_memory_mib.map(|all| all / count)));
    let info = XmlFields::new().put("accelerators", XmlMembers(vec![XmlContent::from(one)]));
    Some(info.opt("totalInferenceMemoryInMiB", kind.inference_memory_mib))
}

fn neuron(kind: &TypeFact) -> Option<XmlFields> {
    let model = kind.neuron_model.as_deref()?;
    let devices = kind.neuron_devices.max(1);
    // The versions are from "AWS Neuron", NeuronCore architecture.
    let version = match model {
        "Inferentia" => Some(1i64),
        "Inferentia2" | "Trainium" => Some(2),
        "Trainium2" => Some(3),
        _ => None,
    };
    let core = XmlFields::new().put("count", kind.neuron_cores / devices).opt("version", version);
    let one = XmlFields::new()
        .put("count", kind.neuron_devices)
        .put("name", model)
        .put("coreInfo", core)
        .opt("memoryInfo", memory(kind.neuron_memory_mib.map(|all| all / devices)));
    let info = XmlFields::new().put("neuronDevices", vec![one.into()]);
    Some(info.opt("totalNeuronDeviceMemoryInMiB", kind.neuron_memory_mib))
}

fn media(kind: &TypeFact) -> Option<XmlFields> {
    let one = XmlFields::new().put("count", kind.media_accelerators).put("name", kind.media_model.as_ref()?);
    Some(XmlFields::new().put("accelerators", vec![one.into()]))
}
