//! Requests instance types and stores their attributes as reported, without corrections.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    EbsOptimizedInfo, GpuDeviceInfo, InstanceTypeInfo, NetworkCardInfo, NeuronDeviceInfo,
};
use catalog::Value;
use domain::InstanceType;

use crate::gap::gap;
use crate::look::{DatasetRows, RowSink};
use crate::values::{whole, word, words};

/// The most types in a page.
const PAGE: i32 = 100;

/// The order of preference for `arch` when a type has several architectures.
const MAIN_ARCHITECTURES: [&str; 4] = ["arm64", "x86_64", "arm64_mac", "x86_64_mac"];

/// `instance_type`: the types that a region has.
pub(crate) async fn instance_types(client: &Client, seen: &mut RowSink<'_>) -> Result<(), String> {
    let mut pages = client.describe_instance_types().max_results(PAGE).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| gap("ec2:DescribeInstanceTypes", &error))?;
        let mut rows = DatasetRows::new();
        for info in page.instance_types() {
            let name = info.instance_type().map_or("", |name| name.as_str());
            match InstanceType::parse(name) {
                Ok(name) => {
                    seen.gaps.extend(more_than_a_row_holds(info).map(|what| format!("{name} has {what}")));
                    rows.push(seen.row(|column| cell(column, &name, info)));
                }
                Err(error) => seen.gaps.push(error.to_string()),
            }
        }
        seen.hand_over(rows).await?;
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
    counts.into_iter().find(|(count, _)| *count > 1).map(|(_, what)| what)
}

fn cell(column: &str, name: &InstanceType, info: &InstanceTypeInfo) -> Value {
    let vcpus = info.v_cpu_info();
    let processor = info.processor_info();
    match column {
        "instance_type" => name.as_str().into(),
        "family" => name.family().into(),
        "size" => name.size().into(),
        "generation" => name.generation().map(i64::from).into(),
        "current_generation" => info.current_generation().into(),
        "vcpus" => whole(vcpus.and_then(|found| found.default_v_cpus())),
        "cores" => whole(vcpus.and_then(|found| found.default_cores())),
        "threads_per_core" => whole(vcpus.and_then(|found| found.default_threads_per_core())),
        "valid_cores" => {
            let counts = vcpus.map_or(&[][..], |found| found.valid_cores());
            Value::List(counts.iter().map(|count| i64::from(*count).into()).collect())
        }
        "memory_mib" => info.memory_info().and_then(|memory| memory.size_in_mib()).into(),
        "arch" => {
            let all = processor.map_or(&[][..], |found| found.supported_architectures());
            MAIN_ARCHITECTURES.into_iter().find(|main| all.iter().any(|one| one.as_str() == *main)).into()
        }
        "architectures" => words(processor.map_or(&[][..], |found| found.supported_architectures())),
        "cpu_maker" => processor.and_then(|found| found.manufacturer()).into(),
        "clock_ghz" => processor.and_then(|found| found.sustained_clock_speed_in_ghz()).into(),
        "processor_features" => words(processor.map_or(&[][..], |found| found.supported_features())),
        "bare_metal" => info.bare_metal().into(),
        "hypervisor" => word(info.hypervisor()),
        "burstable" => info.burstable_performance_supported().into(),
        "free_tier" => info.free_tier_eligible().into(),
        "auto_recovery" => info.auto_recovery_supported().into(),
        "dedicated_hosts" => info.dedicated_hosts_supported().into(),
        "hibernation" => info.hibernation_supported().into(),
        "usage_classes" => words(info.supported_usage_classes()),
        "root_devices" => words(info.supported_root_device_types()),
        "virtualization" => words(info.supported_virtualization_types()),
        "boot_modes" => words(info.supported_boot_modes()),
        "placement_strategies" => {
            words(info.placement_group_info().map_or(&[][..], |found| found.supported_strategies()))
        }
        "nitro_enclaves" => supported(info.nitro_enclaves_support()),
        "nitro_tpm" => supported(info.nitro_tpm_support()),
        "reboot_migration" => supported(info.reboot_migration_support()),
        _ if column.starts_with("network_") || column.starts_with("ipv") => network(column, info),
        "ena" | "ena_srd" | "efa" | "efa_interfaces" | "encryption_in_transit" | "bandwidth_weightings" => {
            network(column, info)
        }
        _ if column.starts_with("ebs_") => ebs(column, info),
        _ if column.starts_with("storage_") => storage(column, info),
        _ => accelerators(column, info),
    }
}

/// Converts `supported` or `unsupported` to a flag.
fn supported<T: AsRef<str>>(word: Option<&T>) -> Value {
    word.map(|word| word.as_ref() == "supported").into()
}

fn network(column: &str, info: &InstanceTypeInfo) -> Value {
    let Some(network) = info.network_info() else {
        return if column == "bandwidth_weightings" { Value::List(vec![]) } else { Value::Null };
    };
    match column {
        "network_performance" => network.network_performance().into(),
        "network_baseline_gbps" => sum(network.network_cards(), NetworkCardInfo::baseline_bandwidth_in_gbps),
        "network_peak_gbps" => sum(network.network_cards(), NetworkCardInfo::peak_bandwidth_in_gbps),
        "network_cards" => whole(network.maximum_network_cards()),
        "network_interfaces" => whole(network.maximum_network_interfaces()),
        "ipv4_per_interface" => whole(network.ipv4_addresses_per_interface()),
        "ipv6_per_interface" => whole(network.ipv6_addresses_per_interface()),
        "ipv6" => network.ipv6_supported().into(),
        "ena" => word(network.ena_support()),
        "ena_srd" => network.ena_srd_supported().into(),
        "efa" => network.efa_supported().into(),
        "efa_interfaces" => whole(network.efa_info().and_then(|efa| efa.maximum_efa_interfaces())),
        "encryption_in_transit" => network.encryption_in_transit_supported().into(),
        "bandwidth_weightings" => words(network.bandwidth_weightings()),
        other => unreachable!("instance_type.{other}"),
    }
}

/// Returns the sum over the network cards. Null when a card has no value.
fn sum(cards: &[NetworkCardInfo], of: impl Fn(&NetworkCardInfo) -> Option<f64>) -> Value {
    if cards.is_empty() { Value::Null } else { cards.iter().map(of).sum::<Option<f64>>().into() }
}

fn ebs(column: &str, info: &InstanceTypeInfo) -> Value {
    let ebs = info.ebs_info();
    let whole_of = |of: fn(&EbsOptimizedInfo) -> Option<i32>| {
        whole(ebs.and_then(|ebs| ebs.ebs_optimized_info()).and_then(of))
    };
    let part_of = |of: fn(&EbsOptimizedInfo) -> Option<f64>| -> Value {
        ebs.and_then(|ebs| ebs.ebs_optimized_info()).and_then(of).into()
    };
    match column {
        "ebs_optimized" => word(ebs.and_then(|ebs| ebs.ebs_optimized_support())),
        "ebs_nvme" => word(ebs.and_then(|ebs| ebs.nvme_support())),
        "ebs_attachments" => whole(ebs.and_then(|ebs| ebs.maximum_ebs_attachments())),
        "ebs_baseline_mbps" => whole_of(EbsOptimizedInfo::baseline_bandwidth_in_mbps),
        "ebs_max_mbps" => whole_of(EbsOptimizedInfo::maximum_bandwidth_in_mbps),
        "ebs_baseline_iops" => whole_of(EbsOptimizedInfo::baseline_iops),
        "ebs_max_iops" => whole_of(EbsOptimizedInfo::maximum_iops),
        "ebs_baseline_mbytes" => part_of(EbsOptimizedInfo::baseline_throughput_in_m_bps),
        "ebs_max_mbytes" => part_of(EbsOptimizedInfo::maximum_throughput_in_m_bps),
        other => unreachable!("instance_type.{other}"),
    }
}

/// A count. It is 0, not null, when AWS leaves it out.
fn count(number: Option<impl Into<i64>>) -> Value {
    Value::Int(number.map_or(0, Into::into))
}

fn storage(column: &str, info: &InstanceTypeInfo) -> Value {
    let storage = info.instance_storage_info();
    let disk = storage.and_then(|storage| storage.disks().first());
    match column {
        "storage_gb" => count(storage.and_then(|storage| storage.total_size_in_gb())),
        "storage_disks" => count(disk.and_then(|disk| disk.count())),
        "storage_disk_gb" => whole(disk.and_then(|disk| disk.size_in_gb())),
        "storage_type" => word(disk.and_then(|disk| disk.r#type())),
        "storage_nvme" => word(storage.and_then(|storage| storage.nvme_support())),
        "storage_encryption" => word(storage.and_then(|storage| storage.encryption_support())),
        other => unreachable!("instance_type.{other}"),
    }
}

fn accelerators(column: &str, info: &InstanceTypeInfo) -> Value {
    let gpu: Option<&GpuDeviceInfo> = info.gpu_info().and_then(|found| found.gpus().first());
    let inference = info.inference_accelerator_info();
    let engine = inference.and_then(|found| found.accelerators().first());
    let neuron: Option<&NeuronDeviceInfo> =
        info.neuron_info().and_then(|found| found.neuron_devices().first());
    let fpga = info.fpga_info().and_then(|found| found.fpgas().first());
    let media = info.media_accelerator_info().and_then(|found| found.accelerators().first());
    match column {
        "gpu_model" => gpu.and_then(|gpu| gpu.name()).into(),
        "gpu_maker" => gpu.and_then(|gpu| gpu.manufacturer()).into(),
        "gpu_count_reported" => whole(gpu.and_then(|gpu| gpu.count())),
        "gpu_logical_count" => whole(gpu.and_then(|gpu| gpu.logical_gpu_count())),
        "gpu_partition_size" => gpu.and_then(|gpu| gpu.gpu_partition_size()).into(),
        "gpu_memory_each_mib_reported" => whole(gpu.and_then(|gpu| gpu.memory_info()?.size_in_mib())),
        "gpu_memory_mib_reported" => whole(info.gpu_info().and_then(|found| found.total_gpu_memory_in_mib())),
        "inference_model" => engine.and_then(|found| found.name()).into(),
        "inference_maker" => engine.and_then(|found| found.manufacturer()).into(),
        "inference_accelerators" => count(engine.and_then(|found| found.count())),
        "inference_memory_mib" => whole(inference.and_then(|found| found.total_inference_memory_in_mib())),
        "neuron_model" => neuron.and_then(|found| found.name()).into(),
        "neuron_devices" => count(neuron.and_then(|found| found.count())),
        "neuron_cores" => {
            let devices = neuron.and_then(|found| found.count()).unwrap_or(0);
            let each = neuron.and_then(|found| found.core_info()?.count()).unwrap_or(0);
            Value::Int(i64::from(devices) * i64::from(each))
        }
        "neuron_memory_mib" => {
            whole(info.neuron_info().and_then(|found| found.total_neuron_device_memory_in_mib()))
        }
        "fpga_model" => fpga.and_then(|found| found.name()).into(),
        "fpgas" => count(fpga.and_then(|found| found.count())),
        "media_model" => media.and_then(|found| found.name()).into(),
        "media_accelerators" => count(media.and_then(|found| found.count())),
        other => unreachable!("instance_type.{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every column has a source and the right type, even when AWS returns no attributes.
    #[test]
    fn every_column_has_a_source_of_its_type() {
        let dataset = catalog::dataset("instance_type").unwrap();
        let name = InstanceType::parse("p9x.48xlarge").unwrap();
        let nothing = InstanceTypeInfo::builder().build();
        let row = crate::values::row(dataset, |column| cell(column, &name, &nothing));
        assert_eq!(catalog::RowBatch::of(dataset, vec![row]).unwrap().len(), 1);
    }
}
