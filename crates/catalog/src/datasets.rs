use crate::dataset::{Column, ColumnType::*, Dataset, Kind, Scope};

macro_rules! columns {
    ($($name:ident $ty:ident $doc:literal,)*) => {
        &[$(Column { name: stringify!($name), ty: $ty, doc: $doc },)*]
    };
}

mod bill;
mod fleet;
mod market;

/// Every dataset, in the order in which people meet them.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "region",
        doc: "Regions (local zones are not among them), with the partition they belong to.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::All,
        key: &["region"],
        columns: columns![
            region Text "region code",
            partition Text "aws, aws-cn, aws-us-gov, …: accounts and prices do not cross it",
            name Text "the name AWS shows, such as Europe (Ireland)",
        ],
    },
    Dataset {
        name: "zone",
        doc: "Availability zones by id; names differ from account to account.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::Region,
        key: &["account_id", "az_id"],
        columns: columns![
            account_id Text "the account whose zone name this is; null when no name is known",
            region Text "region code",
            az_id Text "zone id, the same place for every account",
            zone_name Text "zone name in that account, such as us-east-1a; null when unknown",
        ],
    },
    Dataset {
        name: "instance_type",
        doc: "Instance types as DescribeInstanceTypes reports them.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::All,
        key: &["instance_type"],
        columns: columns![
            instance_type Text "name, such as m7i.xlarge",
            family Text "what stands before the dot",
            size Text "what stands after the dot",
            generation Int "generation number in the family's name",
            current_generation Bool "AWS calls it current",
            vcpus Int "vCPUs by default",
            cores Int "physical cores by default",
            threads_per_core Int "threads per core by default",
            valid_cores Ints "core counts that can be asked for",
            memory_mib Int "memory, MiB",
            arch Text "main architecture: x86_64, arm64, arm64_mac or x86_64_mac",
            architectures Texts "all architectures",
            cpu_maker Text "Intel, AMD, AWS or Apple",
            clock_ghz Float "sustained clock, GHz",
            processor_features Texts "such as amd-sev-snp, nested-virtualization",
            bare_metal Bool "no hypervisor",
            hypervisor Text "nitro or xen; null on bare metal",
            burstable Bool "CPU credits",
            free_tier Bool "eligible for the free tier",
            auto_recovery Bool "can be recovered automatically",
            dedicated_hosts Bool "can run on a dedicated host",
            hibernation Bool "can hibernate",
            usage_classes Texts "on-demand, spot, capacity-block",
            root_devices Texts "ebs, instance-store",
            virtualization Texts "hvm, paravirtual",
            boot_modes Texts "legacy-bios, uefi",
            placement_strategies Texts "cluster, partition, spread",
            nitro_enclaves Bool "can hold a Nitro enclave",
            nitro_tpm Bool "has a Nitro TPM",
            reboot_migration Bool "can be moved by a reboot",
            network_performance Text "AWS's free text, such as Up to 12.5 Gigabit",
            network_baseline_gbps Float "sum of the cards' baseline bandwidth, Gbit/s; null when not stated",
            network_peak_gbps Float "sum of the cards' peak bandwidth, Gbit/s; null when not stated",
            network_cards Int "network cards at most",
            network_interfaces Int "network interfaces at most",
            ipv4_per_interface Int "IPv4 addresses per interface",
            ipv6_per_interface Int "IPv6 addresses per interface",
            ipv6 Bool "has IPv6",
            ena Text "required, supported or unsupported",
            ena_srd Bool "ENA Express",
            efa Bool "Elastic Fabric Adapter",
            efa_interfaces Int "EFA interfaces at most; null without EFA",
            encryption_in_transit Bool "traffic between instances is encrypted",
            bandwidth_weightings Texts "bandwidth weightings that can be chosen",
            ebs_optimized Text "default, supported or unsupported",
            ebs_nvme Text "required, supported or unsupported",
            ebs_attachments Int "EBS volumes at most",
            ebs_baseline_mbps Int "EBS baseline bandwidth, Mbit/s; null when not EBS-optimised",
            ebs_max_mbps Int "EBS burst bandwidth, Mbit/s; null when not EBS-optimised",
            ebs_baseline_iops Int "EBS baseline operations a second",
            ebs_max_iops Int "EBS burst operations a second",
            ebs_baseline_mbytes Float "EBS baseline throughput, MB/s",
            ebs_max_mbytes Float "EBS burst throughput, MB/s",
            storage_gb Int "instance storage in all, GB; 0 when there is none",
            storage_disks Int "instance storage disks; 0 when there are none",
            storage_disk_gb Int "size of each disk, GB; null when there is none",
            storage_type Text "ssd or hdd; null when there is none",
            storage_nvme Text "required, supported or unsupported; null when there is none",
            storage_encryption Text "required or unsupported; null when there is none",
            gpu_model Text "GPU name as reported; null without GPU",
            gpu_maker Text "GPU maker; null without GPU",
            gpu_count_reported Int "GPU count as reported: 0 for a fraction of one; null without GPU",
            gpu_logical_count Int "GPUs that the system sees; null without GPU",
            gpu_partition_size Float "share of a GPU that each one is; 1 is whole",
            gpu_memory_each_mib_reported Int "memory of each GPU as reported, MiB",
            gpu_memory_mib_reported Int "memory of all GPUs as reported, MiB",
            inference_model Text "inference accelerator name",
            inference_maker Text "inference accelerator maker",
            inference_accelerators Int "inference accelerators; 0 when there are none",
            inference_memory_mib Int "memory of all inference accelerators, MiB",
            neuron_model Text "Neuron device name: Inferentia, Inferentia2, Trainium, …",
            neuron_devices Int "Neuron devices; 0 when there are none",
            neuron_cores Int "Neuron cores in all; 0 when there are none",
            neuron_memory_mib Int "memory of all Neuron devices, MiB",
            fpga_model Text "FPGA name",
            fpgas Int "FPGAs; 0 when there are none",
            media_model Text "media accelerator name",
            media_accelerators Int "media accelerators; 0 when there are none",
        ],
    },
    Dataset {
        name: "accelerator",
        doc: "What accelerator makers' documents say and the EC2 API does not, one row per model and memory size.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::All,
        key: &["model", "memory_mib"],
        columns: columns![
            maker Text "NVIDIA, AWS, AMD, Qualcomm, Xilinx",
            model Text "the name that the EC2 API uses",
            memory_mib Int "true memory of one whole device, MiB",
            cuda_cores Int "CUDA cores; null where there are none",
            compute_capability Float "CUDA compute capability, such as 9.0",
            memory_bandwidth_gbps Float "memory bandwidth of one device, GB/s",
            fp16_tflops Float "dense FP16 tensor TFLOP/s of one device, without sparsity",
            source Text "the maker's document",
        ],
    },
    Dataset {
        name: "offering",
        doc: "Which instance type is offered in which zone.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::Region,
        key: &["instance_type", "region", "az_id"],
        columns: columns![
            instance_type Text "name",
            region Text "region code",
            az_id Text "zone id; null when only the region is known",
        ],
    },
    Dataset {
        name: "price",
        doc: "Published prices per hour: on demand, reserved, Savings Plans.",
        version: 1,
        kind: Kind::Snapshot,
        scope: Scope::Region,
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
            partition Text "aws, aws-cn, aws-us-gov, …",
            instance_type Text "name",
            region Text "region code",
            os Text "linux, rhel, rhel-ha, suse, ubuntu-pro, windows",
            tenancy Text "shared, dedicated or host",
            licence Text "included, byol or none",
            software Text "pre-installed software, such as sql-std; none",
            term Text "on-demand, reserved, compute-savings-plan or instance-savings-plan",
            lease_years Int "1 or 3; null on demand",
            payment Text "no-upfront, partial-upfront or all-upfront; null on demand",
            offering_class Text "standard or convertible; null unless reserved",
            price_per_hour Price "price of an hour in `currency`, upfront part spread over the term",
            currency Text "ISO 4217 code",
            observed_at Timestamp "when the source said so",
            source Text "where the figure is from",
            basis Text "why it is believed: agreed (two sources say it), listed (one does), proportional (one does, and other sizes confirm it) or published (AWS's own list)",
            upfront_price Price "what is paid once at the start of a lease, in `currency`; null on demand",
            effective_from Timestamp "since when the list says that the price holds; null when it does not say",
            sku Text "AWS's number of the product; null when the source has none",
        ],
    },
    Dataset {
        name: "spot_price",
        doc: "Spot prices as they were observed: one holds until the next row of its series, and may be repeated.",
        version: 1,
        kind: Kind::Changes,
        scope: Scope::Region,
        key: &["instance_type", "az_id", "product", "observed_at"],
        columns: columns![
            observed_at Timestamp "when the price was seen",
            instance_type Text "name",
            region Text "region code",
            az_id Text "zone id",
            product Text "linux, rhel, suse or windows",
            price_per_hour Price "spot price of an hour in `currency`; null when it ended or is not known",
            currency Text "ISO 4217 code",
        ],
    },
    market::SAVINGS_PLAN,
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
        doc: "What was looked at, when, and what could not be seen: one row per run, dataset and scope.",
        version: 1,
        kind: Kind::Log,
        scope: Scope::All,
        key: &["run_id", "dataset", "scope"],
        columns: columns![
            run_id Text "names the run",
            dataset Text "dataset",
            scope Text "region code, account, account/region, account/region/request, account/period, or *",
            source Text "where the rows are from",
            observed_from Timestamp "the earliest instant that the run speaks of",
            observed_at Timestamp "the instant of which the run is the newest statement",
            outcome Text "complete, partial, empty, unchanged (complete, and what the run before said: no rows) or failed; pruned when the rows were removed because newer ones had replaced them",
            row_count Int "rows that it told; those that the lake had already are not kept twice",
            gaps Texts "what could not be seen, a reason each",
            tool_version Text "version of the tool that wrote it",
            version Text "what the source calls the state that was seen, such as a publication; null when it has no name",
        ],
    },
];

/// The dataset of that name.
pub fn dataset(name: &str) -> Option<&'static Dataset> {
    DATASETS.iter().find(|dataset| dataset.name == name)
}

/// What a column says that the warehouse computes and no file holds; empty when it is not one of ours.
pub fn computed_column_doc(column: &str) -> &'static str {
    match column {
        "gpus" => "GPUs; a fraction of one counts as one with gpu_partition_size below 1; 0 without GPU",
        "gpu_memory_per_gpu_mib" => "memory of each GPU or part of one, MiB, by the maker's document",
        "gpu_memory_mib" => "memory of all GPUs, MiB; 0 without GPU",
        "cuda_cores" => "CUDA cores of one whole GPU",
        "compute_capability" => "CUDA compute capability",
        "gpu_memory_bandwidth_gbps" => "memory bandwidth of one whole GPU, GB/s",
        "gpu_fp16_tflops" => "dense FP16 tensor TFLOP/s of one whole GPU",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
