use crate::column_privacy::ColumnPrivacy::*;
use crate::dataset::{ColumnType::*, Dataset, DatasetColumn, DatasetKind, DatasetScope};
use crate::known_values::*;
use crate::origin::{DatasetOrigin, PublicSource, SnapshotOption, SourceHistory};

macro_rules! columns {
    ($($name:ident $ty:ident $privacy:ident $(($values:ident))? $doc:literal,)*) => {
        &[$(DatasetColumn {
            name: stringify!($name),
            ty: $ty,
            privacy: $privacy $(($values))?,
            doc: $doc,
        },)*]
    };
}

mod bill;
mod fleet;
mod market;

/// Every dataset, in the order in which users see them.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "region",
        doc: "Regions and their partitions, without local zones.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::All,
        origin: DatasetOrigin::IMPORT,
        key: &["region"],
        columns: columns![
            region Text Public "region code, such as eu-central-1",
            partition Text Public "AWS partition (aws, aws-cn, aws-us-gov, …); accounts and prices never \
                span partitions",
            name Text Public "display name, such as Europe (Ireland)",
        ],
    },
    Dataset {
        name: "zone",
        doc: "Availability zones by id; zone names differ between accounts.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::Region,
        origin: DatasetOrigin {
            is_always_partial: true,
            doc: "DescribeAvailabilityZones",
            example: "`truffle regions`",
            ..DatasetOrigin::of_account(102, &["ec2:DescribeAvailabilityZones"])
        },
        key: &["account_id", "az_id"],
        columns: columns![
            account_id Text Account "account in which `zone_name` applies; null when no name is known",
            region Text Public "region code",
            az_id Text Public "zone id, such as use1-az1; the same zone in every account",
            zone_name Text Private "zone name in that account, such as us-east-1a; null when unknown",
        ],
    },
    Dataset {
        name: "instance_type",
        doc: "Instance types as returned by DescribeInstanceTypes.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::All,
        origin: DatasetOrigin {
            is_always_partial: true,
            doc: "DescribeInstanceTypes",
            example: "`truffle search gpu`",
            ..DatasetOrigin::of_account(103, &["ec2:DescribeInstanceTypes"])
        },
        key: &["instance_type"],
        columns: columns![
            instance_type Text Public "instance type, such as m7i.xlarge",
            family Text Public "family: the part before the dot, such as m7i",
            size Text Public "size: the part after the dot, such as xlarge",
            generation Int Public "generation number in the family name, such as 7 in m7i",
            current_generation Bool Public "whether AWS lists the type as current generation",
            vcpus Int Public "default number of vCPUs",
            cores Int Public "default number of physical cores",
            threads_per_core Int Public "default threads per core",
            valid_cores Ints Public "selectable core counts",
            memory_mib Int Public "memory, MiB",
            arch Text Public "main CPU architecture: x86_64, arm64, arm64_mac or x86_64_mac",
            architectures Texts Public "all CPU architectures",
            cpu_maker Text Public "CPU manufacturer: Intel, AMD, AWS or Apple",
            clock_ghz Float Public "sustained clock speed, GHz",
            processor_features Texts Public "processor features, such as amd-sev-snp, nested-virtualization",
            bare_metal Bool Public "whether the type runs without a hypervisor",
            hypervisor Text Public "hypervisor: nitro or xen; null on bare metal",
            burstable Bool Public "whether the type uses CPU credits",
            free_tier Bool Public "whether the type is eligible for the free tier",
            auto_recovery Bool Public "whether automatic recovery is supported",
            dedicated_hosts Bool Public "whether the type can run on a dedicated host",
            hibernation Bool Public "whether hibernation is supported",
            usage_classes Texts Public "usage classes: on-demand, spot, capacity-block",
            root_devices Texts Public "root device types: ebs, instance-store",
            virtualization Texts Public "virtualization types: hvm, paravirtual",
            boot_modes Texts Public "boot modes: legacy-bios, uefi",
            placement_strategies Texts Public "placement group strategies: cluster, partition, spread",
            nitro_enclaves Bool Public "whether Nitro Enclaves are supported",
            nitro_tpm Bool Public "whether NitroTPM is supported",
            reboot_migration Bool Public "whether reboot migration is supported",
            network_performance Text Public "network performance as AWS describes it, such as Up to 12.5 \
                Gigabit",
            network_baseline_gbps Float Public "total baseline bandwidth of the network cards, Gbit/s; null \
                when not stated",
            network_peak_gbps Float Public "total peak bandwidth of the network cards, Gbit/s; null when not \
                stated",
            network_cards Int Public "maximum number of network cards",
            network_interfaces Int Public "maximum number of network interfaces",
            ipv4_per_interface Int Public "IPv4 addresses per network interface",
            ipv6_per_interface Int Public "IPv6 addresses per network interface",
            ipv6 Bool Public "whether IPv6 is supported",
            ena Text Public "ENA: required, supported or unsupported",
            ena_srd Bool Public "whether ENA Express is supported",
            efa Bool Public "whether Elastic Fabric Adapter is supported",
            efa_interfaces Int Public "maximum number of EFA interfaces; null without EFA",
            encryption_in_transit Bool Public "whether traffic between instances is encrypted",
            bandwidth_weightings Texts Public "selectable bandwidth weightings",
            ebs_optimized Text Public "EBS optimization: default, supported or unsupported",
            ebs_nvme Text Public "NVMe for EBS: required, supported or unsupported",
            ebs_attachments Int Public "maximum number of EBS volumes",
            ebs_baseline_mbps Int Public "EBS baseline bandwidth, Mbit/s; null when not EBS-optimized",
            ebs_max_mbps Int Public "EBS burst bandwidth, Mbit/s; null when not EBS-optimized",
            ebs_baseline_iops Int Public "EBS baseline I/O operations per second",
            ebs_max_iops Int Public "EBS burst I/O operations per second",
            ebs_baseline_mbytes Float Public "EBS baseline throughput, MB/s",
            ebs_max_mbytes Float Public "EBS burst throughput, MB/s",
            storage_gb Int Public "total instance storage, GB; 0 without instance storage",
            storage_disks Int Public "number of instance storage disks; 0 without instance storage",
            storage_disk_gb Int Public "size of each instance storage disk, GB; null without instance \
                storage",
            storage_type Text Public "instance storage type: ssd or hdd; null without instance storage",
            storage_nvme Text Public "NVMe for instance storage: required, supported or unsupported; null \
                without instance storage",
            storage_encryption Text Public "encryption of instance storage: required or unsupported; null \
                without instance storage",
            gpu_model Text Public "GPU model as the EC2 API reports it; null without GPU",
            gpu_maker Text Public "GPU manufacturer; null without GPU",
            gpu_count_reported Int Public "GPU count as the EC2 API reports it, 0 for a fraction of a GPU; \
                null without GPU",
            gpu_logical_count Int Public "number of GPUs visible to the operating system; null without GPU",
            gpu_partition_size Float Public "fraction of a physical GPU in each GPU; 1 is a whole GPU",
            gpu_memory_each_mib_reported Int Public "memory of each GPU as the EC2 API reports it, MiB",
            gpu_memory_mib_reported Int Public "memory of all GPUs as the EC2 API reports it, MiB",
            inference_model Text Public "inference accelerator model",
            inference_maker Text Public "inference accelerator manufacturer",
            inference_accelerators Int Public "number of inference accelerators; 0 without any",
            inference_memory_mib Int Public "memory of all inference accelerators, MiB",
            neuron_model Text Public "Neuron device model: Inferentia, Inferentia2, Trainium, …",
            neuron_devices Int Public "number of Neuron devices; 0 without any",
            neuron_cores Int Public "total number of Neuron cores; 0 without any",
            neuron_memory_mib Int Public "memory of all Neuron devices, MiB",
            fpga_model Text Public "FPGA model",
            fpgas Int Public "number of FPGAs; 0 without any",
            media_model Text Public "media accelerator model",
            media_accelerators Int Public "number of media accelerators; 0 without any",
        ],
    },
    Dataset {
        name: "accelerator",
        doc: "Accelerator data from manufacturers' documents that the EC2 API lacks, one row per model and \
            memory size.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::All,
        origin: DatasetOrigin::IMPORT,
        key: &["model", "memory_mib"],
        columns: columns![
            maker Text Public "manufacturer: NVIDIA, AWS, AMD, Qualcomm or Xilinx",
            model Text Public "model name in the EC2 API",
            memory_mib Int Public "actual memory of one whole device, MiB",
            cuda_cores Int Public "number of CUDA cores; null without CUDA cores",
            compute_capability Float Public "CUDA compute capability, such as 9.0",
            memory_bandwidth_gbps Float Public "memory bandwidth of one device, GB/s",
            fp16_tflops Float Public "dense FP16 tensor performance of one device, TFLOP/s, without sparsity",
            source Text Public "the manufacturer's document",
        ],
    },
    Dataset {
        name: "offering",
        doc: "Instance types offered in each zone.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::Region,
        origin: DatasetOrigin {
            doc: "DescribeInstanceTypeOfferings",
            example: "`truffle zones m7i.large`",
            ..DatasetOrigin::of_account(104, &["ec2:DescribeInstanceTypeOfferings"])
        },
        key: &["instance_type", "region", "az_id"],
        columns: columns![
            instance_type Text Public "instance type",
            region Text Public "region code",
            az_id Text Public "zone id; null when only the region is known",
        ],
    },
    Dataset {
        name: "price",
        doc: "Published prices per hour: on demand, reserved, Savings Plans.",
        version: 1,
        kind: DatasetKind::Snapshot,
        scope: DatasetScope::Region,
        origin: DatasetOrigin {
            // The lists are public. Only the prices of single instance types need the action.
            actions: &["pricing:GetProducts"],
            options: &[SnapshotOption::AsOf, SnapshotOption::Types],
            doc: "the price list of a region (CSV, some hundred MB)",
            example: "`truffle query price/options --param type=m7i.large`",
            ..DatasetOrigin::of_file(
                202,
                PublicSource::Lists { label: "AWS price list", root: "offers", offer: "AmazonEC2" },
            )
        },
        key: &[
            "instance_type",
            "region",
            "os",
            "tenancy",
            "licence",
            "software",
            "term",
            "lease_years",
            "payment",
            "offering_class",
            "currency",
        ],
        columns: columns![
            partition Text Public "AWS partition: aws, aws-cn, aws-us-gov, …",
            instance_type Text Public "instance type",
            region Text Public "region code",
            os Text Public "operating system: linux, rhel, rhel-ha, suse, ubuntu-pro or windows",
            tenancy Text Public "tenancy: shared, dedicated or host",
            licence Text Public "licence: included, byol (bring your own) or none",
            software Text Public "pre-installed software, such as sql-std, or none",
            term Text Public "on-demand, reserved, compute-savings-plan or instance-savings-plan",
            lease_years Int Public "length of the lease, years: 1 or 3; null on demand",
            payment Text Public "no-upfront, partial-upfront or all-upfront; null on demand",
            offering_class Text Public "standard or convertible; null unless reserved",
            price_per_hour Price Public "price per hour in `currency`, with the upfront payment spread over \
                the lease",
            currency Text Public "ISO 4217 currency code",
            observed_at Timestamp Public "instant at which the source stated the price",
            source Text Known(SOURCES) "source of the price",
            basis Text Public "why the price is trusted: agreed (two sources), listed (one source), \
                proportional (one source, confirmed by other sizes) or published (AWS's own price list)",
            upfront_price Price Public "one-time payment at the start of a lease, in `currency`; null on \
                demand",
            effective_from Timestamp Public "start of the price's validity according to the price list; null \
                when not stated",
            sku Text Public "AWS product number (SKU); null when the source has none",
        ],
    },
    Dataset {
        name: "spot_price",
        doc: "Observed spot prices. A price is valid until the next row of its series; rows may repeat it.",
        version: 1,
        kind: DatasetKind::Changes,
        scope: DatasetScope::Region,
        origin: DatasetOrigin {
            history: Some(SourceHistory { kept_days: 90, first_days: 7 }),
            doc: "DescribeSpotPriceHistory",
            example: "`truffle query spot/latest --param type=m7i.large`",
            ..DatasetOrigin::of_account(
                111,
                &["ec2:DescribeSpotPriceHistory", "ec2:DescribeAvailabilityZones"],
            )
        },
        key: &["instance_type", "az_id", "product", "observed_at"],
        columns: columns![
            observed_at Timestamp Public "instant of the observation",
            instance_type Text Public "instance type",
            region Text Public "region code",
            az_id Text Public "zone id",
            product Text Public "operating system: linux, rhel, suse or windows",
            price_per_hour Price Public "spot price per hour in `currency`; null when the price ended or is \
                not known",
            currency Text Public "ISO 4217 currency code",
        ],
    },
    market::SAVINGS_PLAN,
    market::DISCOUNT,
    market::INTERRUPTION,
    market::SPOT_FEED,
    market::PLACEMENT_SCORE,
    market::CAPACITY_BLOCK,
    market::BENCHMARK,
    fleet::REGION_ACCESS,
    fleet::INSTANCE,
    fleet::VOLUME,
    fleet::ADDRESS,
    fleet::SPOT_REQUEST,
    fleet::CAPACITY,
    fleet::QUOTA,
    fleet::UTILIZATION,
    bill::CHARGE,
    market::ACCEPTANCE,
    Dataset {
        name: "collection_run",
        doc: "Log of collection runs with their outcomes and gaps, one row per run, dataset and scope.",
        version: 1,
        kind: DatasetKind::Log,
        scope: DatasetScope::All,
        origin: DatasetOrigin::IMPORT,
        key: &["run_id", "dataset", "scope"],
        columns: columns![
            run_id Text Private "id of the run",
            dataset Text Public "dataset name",
            scope Text Scope "region code, account, account/region, account/region/request, account/period, \
                account/ACCOUNT+…/period (the report of linked accounts), or *",
            source Text Known(SOURCES) "source of the rows",
            observed_from Timestamp Public "earliest instant covered by the rows",
            observed_at Timestamp Public "instant as of which the run describes its scope",
            outcome Text Public "complete, partial, empty, unchanged (complete and equal to the previous \
                run, so no rows are added), failed, or pruned (its rows were removed after newer rows had \
                replaced them)",
            row_count Int Public "number of rows returned by the source; rows that the lake already has are \
                not stored twice",
            gaps Texts Private "missing data, one reason per entry",
            tool_version Text Public "version of the program that wrote the row",
            version Text Private "the source's name for the collected state, such as a publication; null \
                when it has no name",
        ],
    },
];

/// Returns the datasets that a snapshot can collect, in the order of their collection.
pub fn collectable_datasets() -> Vec<&'static Dataset> {
    let mut found: Vec<&Dataset> = DATASETS.iter().filter(|dataset| dataset.is_collectable()).collect();
    found.sort_by_key(|dataset| dataset.origin.order);
    found
}

/// Returns the built-in dataset of that name, also in constants. Panics if there is none; in a
/// constant, that is a compile error.
pub const fn built_in_dataset(name: &str) -> &'static Dataset {
    let mut at = 0;
    while at < DATASETS.len() {
        if is_same_text(DATASETS[at].name, name) {
            return &DATASETS[at];
        }
        at += 1;
    }
    panic!("there is no dataset of that name")
}

/// Compares texts, also in constants.
pub const fn is_same_text(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// Returns the dataset of that name.
pub fn dataset(name: &str) -> Option<&'static Dataset> {
    DATASETS.iter().find(|dataset| dataset.name == name)
}

/// Returns the description of a column that the warehouse computes. Empty for any other column.
pub fn computed_column_doc(column: &str) -> &'static str {
    match column {
        "gpus" => "number of GPUs, 0 without GPU; a fraction counts as one, with gpu_partition_size below 1",
        "gpu_memory_per_gpu_mib" => "memory of each GPU or fraction, MiB, from the manufacturer's document",
        "gpu_memory_mib" => "memory of all GPUs, MiB; 0 without GPU",
        "cuda_cores" => "CUDA cores of one whole GPU",
        "compute_capability" => "CUDA compute capability",
        "gpu_memory_bandwidth_gbps" => "memory bandwidth of one whole GPU, GB/s",
        "gpu_fp16_tflops" => "dense FP16 tensor performance of one whole GPU, TFLOP/s",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::CollectionSource;

    #[test]
    fn finds_built_in_datasets_by_their_whole_name() {
        assert_eq!(built_in_dataset("zone").name, "zone");
        for other in ["zon", "zones", "", "region"] {
            assert!(!is_same_text("zone", other), "{other}");
        }
    }

    #[test]
    fn origins_are_complete() {
        let all = collectable_datasets();
        for pair in all.windows(2) {
            let [one, other] = pair else { continue };
            assert!(one.origin.order < other.origin.order, "{} and {}", one.name, other.name);
        }
        for dataset in all {
            let origin = dataset.origin;
            let needs_account =
                matches!(origin.source, CollectionSource::Account | CollectionSource::Request);
            assert!(!needs_account || !origin.actions.is_empty(), "{}", dataset.name);
            assert!(!origin.doc.is_empty() && !origin.example.is_empty(), "{}", dataset.name);
            let is_answer = origin.source == CollectionSource::Request;
            assert_eq!(is_answer, dataset.scope == DatasetScope::Request, "{}", dataset.name);
            assert!(!is_answer || origin.options.contains(&SnapshotOption::Types), "{}", dataset.name);
        }
        let named: Vec<_> = DATASETS.iter().filter(|one| one.is_named_only()).map(|one| one.name).collect();
        assert_eq!(named, ["placement_score", "capacity_block", "utilization", "charge"]);
    }

    #[test]
    fn names_are_unique_and_keys_are_columns() {
        for dataset in DATASETS {
            assert_eq!(DATASETS.iter().filter(|d| d.name == dataset.name).count(), 1);
            let fields = dataset.fields();
            for field in &fields {
                assert_eq!(fields.iter().filter(|f| f.name == field.name).count(), 1, "{}", field.name);
                assert!(!field.doc.is_empty(), "{}.{}", dataset.name, field.name);
            }
            for key in dataset.key {
                assert!(fields.iter().any(|f| f.name == *key), "{}.{key}", dataset.name);
            }
        }
    }
}
