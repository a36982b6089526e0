//! DescribeInstanceTypes records as rows of `instance_type`, exactly as reported.

use anyhow::{Context, Result, bail, ensure};
use catalog::{Dataset, Field, Value, ValueType};
use domain::InstanceType;
use serde_json::Value as Json;

use crate::rule::{TypeShape, units};

/// Columns with the JSON pointer to their value in a record. In a boolean column the text
/// `supported` is true and any other text is false. An absent list is empty.
const PLAIN: &[(&str, &str)] = &[
    ("instance_type", "/InstanceType"),
    ("current_generation", "/CurrentGeneration"),
    ("vcpus", "/VCpuInfo/DefaultVCpus"),
    ("cores", "/VCpuInfo/DefaultCores"),
    ("threads_per_core", "/VCpuInfo/DefaultThreadsPerCore"),
    ("valid_cores", "/VCpuInfo/ValidCores"),
    ("memory_mib", "/MemoryInfo/SizeInMiB"),
    ("architectures", "/ProcessorInfo/SupportedArchitectures"),
    ("cpu_maker", "/ProcessorInfo/Manufacturer"),
    ("clock_ghz", "/ProcessorInfo/SustainedClockSpeedInGhz"),
    ("processor_features", "/ProcessorInfo/SupportedFeatures"),
    ("bare_metal", "/BareMetal"),
    ("hypervisor", "/Hypervisor"),
    ("burstable", "/BurstablePerformanceSupported"),
    ("free_tier", "/FreeTierEligible"),
    ("auto_recovery", "/AutoRecoverySupported"),
    ("dedicated_hosts", "/DedicatedHostsSupported"),
    ("hibernation", "/HibernationSupported"),
    ("usage_classes", "/SupportedUsageClasses"),
    ("root_devices", "/SupportedRootDeviceTypes"),
    ("virtualization", "/SupportedVirtualizationTypes"),
    ("boot_modes", "/SupportedBootModes"),
    ("placement_strategies", "/PlacementGroupInfo/SupportedStrategies"),
    ("nitro_enclaves", "/NitroEnclavesSupport"),
    ("nitro_tpm", "/NitroTpmSupport"),
    ("reboot_migration", "/RebootMigrationSupport"),
    ("network_performance", "/NetworkInfo/NetworkPerformance"),
    ("network_cards", "/NetworkInfo/MaximumNetworkCards"),
    ("network_interfaces", "/NetworkInfo/MaximumNetworkInterfaces"),
    ("ipv4_per_interface", "/NetworkInfo/Ipv4AddressesPerInterface"),
    ("ipv6_per_interface", "/NetworkInfo/Ipv6AddressesPerInterface"),
    ("ipv6", "/NetworkInfo/Ipv6Supported"),
    ("ena", "/NetworkInfo/EnaSupport"),
    ("ena_srd", "/NetworkInfo/EnaSrdSupported"),
    ("efa", "/NetworkInfo/EfaSupported"),
    ("efa_interfaces", "/NetworkInfo/EfaInfo/MaximumEfaInterfaces"),
    ("encryption_in_transit", "/NetworkInfo/EncryptionInTransitSupported"),
    ("bandwidth_weightings", "/NetworkInfo/BandwidthWeightings"),
    ("ebs_optimized", "/EbsInfo/EbsOptimizedSupport"),
    ("ebs_nvme", "/EbsInfo/NvmeSupport"),
    ("ebs_attachments", "/EbsInfo/MaximumEbsAttachments"),
    ("ebs_baseline_mbps", "/EbsInfo/EbsOptimizedInfo/BaselineBandwidthInMbps"),
    ("ebs_max_mbps", "/EbsInfo/EbsOptimizedInfo/MaximumBandwidthInMbps"),
    ("ebs_baseline_iops", "/EbsInfo/EbsOptimizedInfo/BaselineIops"),
    ("ebs_max_iops", "/EbsInfo/EbsOptimizedInfo/MaximumIops"),
    ("ebs_baseline_mbytes", "/EbsInfo/EbsOptimizedInfo/BaselineThroughputInMBps"),
    ("ebs_max_mbytes", "/EbsInfo/EbsOptimizedInfo/MaximumThroughputInMBps"),
    ("storage_disk_gb", "/InstanceStorageInfo/Disks/0/SizeInGB"),
    ("storage_type", "/InstanceStorageInfo/Disks/0/Type"),
    ("storage_nvme", "/InstanceStorageInfo/NvmeSupport"),
    ("storage_encryption", "/InstanceStorageInfo/EncryptionSupport"),
    ("gpu_model", "/GpuInfo/Gpus/0/Name"),
    ("gpu_maker", "/GpuInfo/Gpus/0/Manufacturer"),
    ("gpu_count_reported", "/GpuInfo/Gpus/0/Count"),
    ("gpu_logical_count", "/GpuInfo/Gpus/0/LogicalGpuCount"),
    ("gpu_partition_size", "/GpuInfo/Gpus/0/GpuPartitionSize"),
    ("gpu_memory_each_mib_reported", "/GpuInfo/Gpus/0/MemoryInfo/SizeInMiB"),
    ("gpu_memory_mib_reported", "/GpuInfo/TotalGpuMemoryInMiB"),
    ("inference_model", "/InferenceAcceleratorInfo/Accelerators/0/Name"),
    ("inference_maker", "/InferenceAcceleratorInfo/Accelerators/0/Manufacturer"),
    ("inference_memory_mib", "/InferenceAcceleratorInfo/TotalInferenceMemoryInMiB"),
    ("neuron_model", "/NeuronInfo/NeuronDevices/0/Name"),
    ("neuron_memory_mib", "/NeuronInfo/TotalNeuronDeviceMemoryInMiB"),
    ("fpga_model", "/FpgaInfo/Fpgas/0/Name"),
    ("media_model", "/MediaAcceleratorInfo/Accelerators/0/Name"),
];

/// Columns of counts with their JSON pointer; an absent value is 0, not null.
const COUNTS: &[(&str, &str)] = &[
    ("storage_gb", "/InstanceStorageInfo/TotalSizeInGB"),
    ("storage_disks", "/InstanceStorageInfo/Disks/0/Count"),
    ("inference_accelerators", "/InferenceAcceleratorInfo/Accelerators/0/Count"),
    ("neuron_devices", "/NeuronInfo/NeuronDevices/0/Count"),
    ("fpgas", "/FpgaInfo/Fpgas/0/Count"),
    ("media_accelerators", "/MediaAcceleratorInfo/Accelerators/0/Count"),
];

/// Lists of which a row keeps the first entry. A record with a second one is refused.
const SINGLE: &[&str] = &[
    "/GpuInfo/Gpus",
    "/InferenceAcceleratorInfo/Accelerators",
    "/NeuronInfo/NeuronDevices",
    "/FpgaInfo/Fpgas",
    "/MediaAcceleratorInfo/Accelerators",
    "/InstanceStorageInfo/Disks",
];

/// Architectures by preference: a type with several is shown under the first of these.
const MAIN_ARCHITECTURES: [&str; 4] = ["arm64", "x86_64", "arm64_mac", "x86_64_mac"];

/// Converts a record to a row of the dataset, without `run_id`. Errors: a list of [`SINGLE`] has
/// two entries, or a value does not fit its column.
pub(crate) fn row(dataset: &Dataset, record: &Json) -> Result<Vec<Value>> {
    for list in SINGLE {
        let entries = record.pointer(list).and_then(Json::as_array).map_or(0, Vec::len);
        ensure!(entries <= 1, "{} has {entries} entries in {list}", name(record)?);
    }
    dataset
        .columns
        .iter()
        .map(|column| {
            let field = Field::new(column.name, column.ty.ty());
            cell(&field, record).with_context(|| format!("{} of {}", column.name, record["InstanceType"]))
        })
        .collect()
}

fn cell(field: &Field, record: &Json) -> Result<Value> {
    if let Some((_, pointer)) = PLAIN.iter().find(|(column, _)| *column == field.name) {
        return value(record.pointer(pointer), &field.ty);
    }
    if let Some((_, pointer)) = COUNTS.iter().find(|(column, _)| *column == field.name) {
        return value(record.pointer(pointer), &field.ty).map(or_zero);
    }
    let instance_type = InstanceType::parse(name(record)?)?;
    Ok(match field.name.as_str() {
        "family" => instance_type.family().into(),
        "size" => instance_type.size().into(),
        "generation" => instance_type.generation().map(i64::from).into(),
        "arch" => main_architecture(record)?.into(),
        "network_baseline_gbps" => card_sum(record, "BaselineBandwidthInGbps").into(),
        "network_peak_gbps" => card_sum(record, "PeakBandwidthInGbps").into(),
        "neuron_cores" => neuron_cores(record).into(),
        other => bail!("the column {other} has no source"),
    })
}

fn or_zero(value: Value) -> Value {
    if value == Value::Null { Value::Int(0) } else { value }
}

/// Converts a JSON value to the column's type.
fn value(found: Option<&Json>, ty: &ValueType) -> Result<Value> {
    Ok(match (found, ty) {
        (None | Some(Json::Null), ValueType::List(_)) => Value::List(vec![]),
        (None | Some(Json::Null), _) => Value::Null,
        (Some(Json::Bool(flag)), ValueType::Bool) => Value::Bool(*flag),
        (Some(Json::String(text)), ValueType::Bool) => Value::Bool(text == "supported"),
        (Some(Json::String(text)), ValueType::Text) => Value::Text(text.clone()),
        (Some(Json::Number(number)), ValueType::Int) if number.is_i64() => number.as_i64().into(),
        (Some(Json::Number(number)), ValueType::Float) => number.as_f64().into(),
        (Some(Json::Array(items)), ValueType::List(of)) => {
            Value::List(items.iter().map(|item| value(Some(item), of)).collect::<Result<_>>()?)
        }
        (Some(other), ty) => bail!("{other} is not a {}", ty.sql()),
    })
}

/// Returns the instance type of a record.
pub(crate) fn name(record: &Json) -> Result<&str> {
    record["InstanceType"].as_str().context("a record without InstanceType")
}

/// Returns the properties of a record that the price rule uses.
pub(crate) fn shape(record: &Json) -> Result<TypeShape> {
    let vcpus = record["VCpuInfo"]["DefaultVCpus"].as_i64().context("no DefaultVCpus")?;
    let gpus = record.pointer("/GpuInfo/Gpus/0/Count").and_then(Json::as_i64).unwrap_or(0);
    Ok(TypeShape { units: units(name(record)?, vcpus), vcpus, gpus })
}

fn main_architecture(record: &Json) -> Result<&'static str> {
    let all = record["ProcessorInfo"]["SupportedArchitectures"].as_array().context("no architectures")?;
    let main = MAIN_ARCHITECTURES.into_iter().find(|main| all.iter().any(|one| one == main));
    main.with_context(|| format!("none of {all:?} is known"))
}

/// Returns the sum over the network cards, or `None` if one has no value.
fn card_sum(record: &Json, key: &str) -> Option<f64> {
    let cards = record.pointer("/NetworkInfo/NetworkCards")?.as_array()?;
    if cards.is_empty() {
        return None;
    }
    cards.iter().map(|card| card[key].as_f64()).sum()
}

fn neuron_cores(record: &Json) -> i64 {
    let device = &record["NeuronInfo"]["NeuronDevices"][0];
    let count = |value: &Json| value.as_i64().unwrap_or(0);
    count(&device["Count"]) * count(&device["CoreInfo"]["Count"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Json {
        json!({
            "InstanceType": "p9x.48xlarge", "BareMetal": false, "NitroTpmSupport": "supported",
            "NitroEnclavesSupport": "unsupported",
            "VCpuInfo": {"DefaultVCpus": 192, "ValidCores": [2, 4]},
            "ProcessorInfo": {"SupportedArchitectures": ["i386", "x86_64"]},
            "GpuInfo": {"Gpus": [{"Name": "H100", "Count": 8, "GpuPartitionSize": 1.0}]},
            "NeuronInfo": {"NeuronDevices": [{"Count": 16, "CoreInfo": {"Count": 2}}]},
            "NetworkInfo": {"NetworkCards": [
                {"BaselineBandwidthInGbps": 100.0, "PeakBandwidthInGbps": 200.0},
                {"BaselineBandwidthInGbps": 12.5}]},
        })
    }

    #[test]
    fn converts_a_record_to_columns() {
        let dataset = catalog::dataset("instance_type").unwrap();
        let row = row(dataset, &record()).unwrap();
        let check = |column: &str, expected: Value| {
            let at = dataset.columns.iter().position(|c| c.name == column).unwrap();
            assert_eq!(row[at], expected, "{column}");
        };
        check("family", "p9x".into());
        check("generation", 9.into());
        check("arch", "x86_64".into());
        check("bare_metal", false.into());
        check("nitro_tpm", true.into());
        check("nitro_enclaves", false.into());
        check("valid_cores", vec![2, 4].into());
        check("boot_modes", Value::List(vec![]));
        check("hypervisor", Value::Null);
        check("network_baseline_gbps", 112.5.into());
        check("network_peak_gbps", Value::Null);
        check("neuron_cores", 32.into());
        check("storage_gb", 0.into());
        check("gpu_count_reported", 8.into());
        check("gpu_memory_mib_reported", Value::Null);
    }

    #[test]
    fn refuses_a_record_that_does_not_fit_a_row() {
        let dataset = catalog::dataset("instance_type").unwrap();
        let check = |pointer: &str, value: Json, message: &str| {
            let mut record = record();
            *record.pointer_mut(pointer).unwrap() = value;
            let error = format!("{:#}", row(dataset, &record).unwrap_err());
            assert!(error.contains(message), "{error}");
        };
        check("/GpuInfo/Gpus", json!([{"Count": 1}, {"Count": 2}]), "2 entries in /GpuInfo/Gpus");
        check("/VCpuInfo/DefaultVCpus", json!("many"), "\"many\" is not a BIGINT");
        check("/ProcessorInfo/SupportedArchitectures", json!(["vax"]), "is known");
    }
}
