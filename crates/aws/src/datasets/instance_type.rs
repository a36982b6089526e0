//! `instance_type`: the types that a region has, with their attributes as AWS reports them.

use aws_sdk_ec2::types::{
    ArchitectureType, EbsOptimizedInfo, InstanceTypeInfo, NetworkCardInfo, NeuronDeviceInfo,
};
use catalog::ports::Gap;
use domain::InstanceType;

use crate::gap::gap;
use crate::region_context::RegionContext;
use crate::row::dataset_row;
use crate::row_sink::RowSink;
use crate::values::{whole, word, words};

/// The most types in a page.
const PAGE: i32 = 100;

/// The order of preference for `arch` when a type has several architectures.
const MAIN_ARCHITECTURES: [&str; 4] = ["arm64", "x86_64", "arm64_mac", "x86_64_mac"];

dataset_row! {
    /// A row of `instance_type`.
    InstanceTypeRow of "instance_type" {
        instance_type: String,
        family: String,
        size: String,
        generation: Option<i64>,
        current_generation: Option<bool>,
        vcpus: Option<i64>,
        cores: Option<i64>,
        threads_per_core: Option<i64>,
        valid_cores: Vec<i64>,
        memory_mib: Option<i64>,
        arch: Option<String>,
        architectures: Vec<String>,
        cpu_maker: Option<String>,
        clock_ghz: Option<f64>,
        processor_features: Vec<String>,
        bare_metal: Option<bool>,
        hypervisor: Option<String>,
        burstable: Option<bool>,
        free_tier: Option<bool>,
        auto_recovery: Option<bool>,
        dedicated_hosts: Option<bool>,
        hibernation: Option<bool>,
        usage_classes: Vec<String>,
        root_devices: Vec<String>,
        virtualization: Vec<String>,
        boot_modes: Vec<String>,
        placement_strategies: Vec<String>,
        nitro_enclaves: Option<bool>,
        nitro_tpm: Option<bool>,
        reboot_migration: Option<bool>,
        network_performance: Option<String>,
        network_baseline_gbps: Option<f64>,
        network_peak_gbps: Option<f64>,
        network_cards: Option<i64>,
        network_interfaces: Option<i64>,
        ipv4_per_interface: Option<i64>,
        ipv6_per_interface: Option<i64>,
        ipv6: Option<bool>,
        ena: Option<String>,
        ena_srd: Option<bool>,
        efa: Option<bool>,
        efa_interfaces: Option<i64>,
        encryption_in_transit: Option<bool>,
        bandwidth_weightings: Vec<String>,
        ebs_optimized: Option<String>,
        ebs_nvme: Option<String>,
        ebs_attachments: Option<i64>,
        ebs_baseline_mbps: Option<i64>,
        ebs_max_mbps: Option<i64>,
        ebs_baseline_iops: Option<i64>,
        ebs_max_iops: Option<i64>,
        ebs_baseline_mbytes: Option<f64>,
        ebs_max_mbytes: Option<f64>,
        storage_gb: i64,
        storage_disks: i64,
        storage_disk_gb: Option<i64>,
        storage_type: Option<String>,
        storage_nvme: Option<String>,
        storage_encryption: Option<String>,
        gpu_model: Option<String>,
        gpu_maker: Option<String>,
        gpu_count_reported: Option<i64>,
        gpu_logical_count: Option<i64>,
        gpu_partition_size: Option<f64>,
        gpu_memory_each_mib_reported: Option<i64>,
        gpu_memory_mib_reported: Option<i64>,
        inference_model: Option<String>,
        inference_maker: Option<String>,
        inference_accelerators: i64,
        inference_memory_mib: Option<i64>,
        neuron_model: Option<String>,
        neuron_devices: i64,
        neuron_cores: i64,
        neuron_memory_mib: Option<i64>,
        fpga_model: Option<String>,
        fpgas: i64,
        media_model: Option<String>,
        media_accelerators: i64,
    }
}

pub(crate) async fn collect(context: &RegionContext, sink: &mut RowSink) -> Result<(), Gap> {
    let mut pages = context.ec2().describe_instance_types().max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstanceTypes", &error))?;
        let mut rows = Vec::new();
        for info in page.instance_types() {
            match InstanceType::parse(info.instance_type().map_or("", |name| name.as_str())) {
                Ok(name) => {
                    let several = more_than_a_row_holds(info).map(|kinds| format!("{name} has {kinds}"));
                    sink.gaps.extend(several.map(Gap::from));
                    rows.push(row(&name, info));
                }
                Err(error) => sink.gaps.push(error.to_string().into()),
            }
        }
        sink.add(rows).await?;
    }
    Ok(())
}

/// Returns a gap when a type has several kinds of an accelerator or disk. A row has columns for one
/// kind only.
fn more_than_a_row_holds(info: &InstanceTypeInfo) -> Option<&'static str> {
    let counts = [
        (info.gpu_info().map_or(0, |gpu| gpu.gpus().len()), "several kinds of GPU; only the first is stored"),
        (
            info.inference_accelerator_info().map_or(0, |found| found.accelerators().len()),
            "several kinds of inference accelerator; only the first is stored",
        ),
        (
            info.neuron_info().map_or(0, |found| found.neuron_devices().len()),
            "several kinds of Neuron device; only the first is stored",
        ),
        (
            info.fpga_info().map_or(0, |found| found.fpgas().len()),
            "several kinds of FPGA; only the first is stored",
        ),
        (
            info.instance_storage_info().map_or(0, |found| found.disks().len()),
            "several kinds of disk; only the first is stored",
        ),
    ];
    counts.into_iter().find(|(count, _)| *count > 1).map(|(_, kinds)| kinds)
}

fn row(name: &InstanceType, info: &InstanceTypeInfo) -> InstanceTypeRow {
    let vcpus = info.v_cpu_info();
    let valid_cores = vcpus.map_or(&[][..], |found| found.valid_cores());
    let processor = info.processor_info();
    let architectures = processor.map_or(&[][..], |found| found.supported_architectures());
    let network = info.network_info();
    let cards = network.map_or(&[][..], |network| network.network_cards());
    let ebs = info.ebs_info();
    let optimized = ebs.and_then(|ebs| ebs.ebs_optimized_info());
    let storage = info.instance_storage_info();
    let disk = storage.and_then(|storage| storage.disks().first());
    let gpu = info.gpu_info().and_then(|found| found.gpus().first());
    let inference = info.inference_accelerator_info();
    let engine = inference.and_then(|found| found.accelerators().first());
    let neuron = info.neuron_info().and_then(|found| found.neuron_devices().first());
    let fpga = info.fpga_info().and_then(|found| found.fpgas().first());
    let media = info.media_accelerator_info().and_then(|found| found.accelerators().first());
    InstanceTypeRow {
        instance_type: name.as_str().into(),
        family: name.family().into(),
        size: name.size().into(),
        generation: name.generation().map(i64::from),
        current_generation: info.current_generation(),
        vcpus: whole(vcpus.and_then(|found| found.default_v_cpus())),
        cores: whole(vcpus.and_then(|found| found.default_cores())),
        threads_per_core: whole(vcpus.and_then(|found| found.default_threads_per_core())),
        valid_cores: valid_cores.iter().map(|count| i64::from(*count)).collect(),
        memory_mib: info.memory_info().and_then(|memory| memory.size_in_mib()),
        arch: main_architecture(architectures),
        architectures: words(architectures),
        cpu_maker: word(processor.and_then(|found| found.manufacturer())),
        clock_ghz: processor.and_then(|found| found.sustained_clock_speed_in_ghz()),
        processor_features: words(processor.map_or(&[][..], |found| found.supported_features())),
        bare_metal: info.bare_metal(),
        hypervisor: word(info.hypervisor()),
        burstable: info.burstable_performance_supported(),
        free_tier: info.free_tier_eligible(),
        auto_recovery: info.auto_recovery_supported(),
        dedicated_hosts: info.dedicated_hosts_supported(),
        hibernation: info.hibernation_supported(),
        usage_classes: words(info.supported_usage_classes()),
        root_devices: words(info.supported_root_device_types()),
        virtualization: words(info.supported_virtualization_types()),
        boot_modes: words(info.supported_boot_modes()),
        placement_strategies: words(
            info.placement_group_info().map_or(&[][..], |found| found.supported_strategies()),
        ),
        nitro_enclaves: supported(info.nitro_enclaves_support()),
        nitro_tpm: supported(info.nitro_tpm_support()),
        reboot_migration: supported(info.reboot_migration_support()),
        network_performance: word(network.and_then(|network| network.network_performance())),
        network_baseline_gbps: sum(cards, NetworkCardInfo::baseline_bandwidth_in_gbps),
        network_peak_gbps: sum(cards, NetworkCardInfo::peak_bandwidth_in_gbps),
        network_cards: whole(network.and_then(|network| network.maximum_network_cards())),
        network_interfaces: whole(network.and_then(|network| network.maximum_network_interfaces())),
        ipv4_per_interface: whole(network.and_then(|network| network.ipv4_addresses_per_interface())),
        ipv6_per_interface: whole(network.and_then(|network| network.ipv6_addresses_per_interface())),
        ipv6: network.and_then(|network| network.ipv6_supported()),
        ena: word(network.and_then(|network| network.ena_support())),
        ena_srd: network.and_then(|network| network.ena_srd_supported()),
        efa: network.and_then(|network| network.efa_supported()),
        efa_interfaces: whole(network.and_then(|network| network.efa_info()?.maximum_efa_interfaces())),
        encryption_in_transit: network.and_then(|network| network.encryption_in_transit_supported()),
        bandwidth_weightings: words(network.map_or(&[][..], |network| network.bandwidth_weightings())),
        ebs_optimized: word(ebs.and_then(|ebs| ebs.ebs_optimized_support())),
        ebs_nvme: word(ebs.and_then(|ebs| ebs.nvme_support())),
        ebs_attachments: whole(ebs.and_then(|ebs| ebs.maximum_ebs_attachments())),
        ebs_baseline_mbps: whole(optimized.and_then(EbsOptimizedInfo::baseline_bandwidth_in_mbps)),
        ebs_max_mbps: whole(optimized.and_then(EbsOptimizedInfo::maximum_bandwidth_in_mbps)),
        ebs_baseline_iops: whole(optimized.and_then(EbsOptimizedInfo::baseline_iops)),
        ebs_max_iops: whole(optimized.and_then(EbsOptimizedInfo::maximum_iops)),
        ebs_baseline_mbytes: optimized.and_then(EbsOptimizedInfo::baseline_throughput_in_m_bps),
        ebs_max_mbytes: optimized.and_then(EbsOptimizedInfo::maximum_throughput_in_m_bps),
        storage_gb: count(storage.and_then(|storage| storage.total_size_in_gb())),
        storage_disks: count(disk.and_then(|disk| disk.count())),
        storage_disk_gb: whole(disk.and_then(|disk| disk.size_in_gb())),
        storage_type: word(disk.and_then(|disk| disk.r#type())),
        storage_nvme: word(storage.and_then(|storage| storage.nvme_support())),
        storage_encryption: word(storage.and_then(|storage| storage.encryption_support())),
        gpu_model: word(gpu.and_then(|gpu| gpu.name())),
        gpu_maker: word(gpu.and_then(|gpu| gpu.manufacturer())),
        gpu_count_reported: whole(gpu.and_then(|gpu| gpu.count())),
        gpu_logical_count: whole(gpu.and_then(|gpu| gpu.logical_gpu_count())),
        gpu_partition_size: gpu.and_then(|gpu| gpu.gpu_partition_size()),
        gpu_memory_each_mib_reported: whole(gpu.and_then(|gpu| gpu.memory_info()?.size_in_mib())),
        gpu_memory_mib_reported: whole(info.gpu_info().and_then(|found| found.total_gpu_memory_in_mib())),
        inference_model: word(engine.and_then(|found| found.name())),
        inference_maker: word(engine.and_then(|found| found.manufacturer())),
        inference_accelerators: count(engine.and_then(|found| found.count())),
        inference_memory_mib: whole(inference.and_then(|found| found.total_inference_memory_in_mib())),
        neuron_model: word(neuron.and_then(|found| found.name())),
        neuron_devices: count(neuron.and_then(|found| found.count())),
        neuron_cores: neuron.map_or(0, neuron_cores),
        neuron_memory_mib: whole(
            info.neuron_info().and_then(|found| found.total_neuron_device_memory_in_mib()),
        ),
        fpga_model: word(fpga.and_then(|found| found.name())),
        fpgas: count(fpga.and_then(|found| found.count())),
        media_model: word(media.and_then(|found| found.name())),
        media_accelerators: count(media.and_then(|found| found.count())),
    }
}

fn main_architecture(all: &[ArchitectureType]) -> Option<String> {
    let is_listed = |main: &&str| all.iter().any(|one| one.as_str() == *main);
    word(MAIN_ARCHITECTURES.into_iter().find(is_listed))
}

/// Converts `supported` or `unsupported` to a flag.
fn supported<T: AsRef<str>>(word: Option<&T>) -> Option<bool> {
    word.map(|word| word.as_ref() == "supported")
}

/// Returns the sum over the network cards. None when a card has no value.
fn sum(cards: &[NetworkCardInfo], of: impl Fn(&NetworkCardInfo) -> Option<f64>) -> Option<f64> {
    if cards.is_empty() { None } else { cards.iter().map(of).sum() }
}

/// A count. It is 0, not null, when AWS leaves it out.
fn count(number: Option<impl Into<i64>>) -> i64 {
    number.map_or(0, Into::into)
}

fn neuron_cores(device: &NeuronDeviceInfo) -> i64 {
    let each = device.core_info().and_then(|cores| cores.count());
    count(device.count()) * count(each)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::DatasetRow;

    /// The columns that are never null have a value even when AWS returns no attributes.
    #[test]
    fn every_column_has_a_value_of_its_type() {
        let name = InstanceType::parse("p9x.48xlarge").unwrap();
        let values = row(&name, &InstanceTypeInfo::builder().build()).into_values();
        assert_eq!(catalog::RowBatch::of(InstanceTypeRow::DATASET, vec![values]).unwrap().len(), 1);
    }
}
