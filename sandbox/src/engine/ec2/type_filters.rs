//! The filters of DescribeInstanceTypes.

use crate::engine::filter::{FilterTable, flag, many, one, own, owned};
use crate::facts::TypeFact;

/// The filters over the columns of an instance type.
pub(crate) const TYPES: FilterTable<TypeFact> = FilterTable {
    tags: None,
    tag: None,
    named: &[
        ("auto-recovery-supported", |_, kind| flag(kind.auto_recovery)),
        ("bare-metal", |_, kind| flag(kind.bare_metal)),
        ("burstable-performance-supported", |_, kind| flag(kind.burstable)),
        ("current-generation", |_, kind| flag(kind.current_generation)),
        ("dedicated-hosts-supported", |_, kind| flag(kind.dedicated_hosts)),
        ("ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps", |_, kind| owned(kind.ebs_baseline_mbps)),
        ("ebs-info.ebs-optimized-info.baseline-iops", |_, kind| owned(kind.ebs_baseline_iops)),
        ("ebs-info.ebs-optimized-info.baseline-throughput-in-mbps", |_, kind| {
            owned(kind.ebs_baseline_mbytes)
        }),
        ("ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps", |_, kind| owned(kind.ebs_max_mbps)),
        ("ebs-info.ebs-optimized-info.maximum-iops", |_, kind| owned(kind.ebs_max_iops)),
        ("ebs-info.ebs-optimized-info.maximum-throughput-in-mbps", |_, kind| owned(kind.ebs_max_mbytes)),
        ("ebs-info.ebs-optimized-support", |_, kind| one(&kind.ebs_optimized)),
        ("ebs-info.encryption-support", |_, _| one("supported")),
        ("ebs-info.maximum-ebs-attachments", |_, kind| owned(kind.ebs_attachments)),
        ("ebs-info.nvme-support", |_, kind| one(&kind.ebs_nvme)),
        ("free-tier-eligible", |_, kind| flag(kind.free_tier)),
        ("hibernation-supported", |_, kind| flag(kind.hibernation)),
        ("hypervisor", |_, kind| many(&kind.hypervisor)),
        ("instance-storage-info.disk.count", |_, kind| {
            owned((kind.storage_gb > 0).then_some(kind.storage_disks))
        }),
        ("instance-storage-info.disk.size-in-gb", |_, kind| owned(kind.storage_disk_gb)),
        ("instance-storage-info.disk.type", |_, kind| many(&kind.storage_type)),
        ("instance-storage-info.encryption-support", |_, kind| many(&kind.storage_encryption)),
        ("instance-storage-info.nvme-support", |_, kind| many(&kind.storage_nvme)),
        ("instance-storage-info.total-size-in-gb", |_, kind| {
            owned((kind.storage_gb > 0).then_some(kind.storage_gb))
        }),
        ("instance-storage-supported", |_, kind| flag(kind.storage_gb > 0)),
        ("instance-type", |_, kind| one(&kind.instance_type)),
        ("memory-info.size-in-mib", |_, kind| own(kind.memory_mib)),
        ("network-info.bandwidth-weightings", |_, kind| many(&kind.bandwidth_weightings)),
        ("network-info.efa-info.maximum-efa-interfaces", |_, kind| owned(kind.efa_interfaces)),
        ("network-info.efa-supported", |_, kind| flag(kind.efa)),
        ("network-info.ena-support", |_, kind| one(&kind.ena)),
        ("network-info.encryption-in-transit-supported", |_, kind| flag(kind.encryption_in_transit)),
        ("network-info.ipv4-addresses-per-interface", |_, kind| own(kind.ipv4_per_interface)),
        ("network-info.ipv6-addresses-per-interface", |_, kind| own(kind.ipv6_per_interface)),
        ("network-info.ipv6-supported", |_, kind| flag(kind.ipv6)),
        ("network-info.maximum-network-cards", |_, kind| own(kind.network_cards.max(1))),
        ("network-info.maximum-network-interfaces", |_, kind| own(kind.network_interfaces)),
        ("network-info.network-performance", |_, kind| one(&kind.network_performance)),
        ("nitro-enclaves-support", |_, kind| one(on_or_off(kind.nitro_enclaves))),
        ("nitro-tpm-info.supported-versions", |_, kind| many(kind.nitro_tpm.then_some(TPM))),
        ("nitro-tpm-support", |_, kind| one(on_or_off(kind.nitro_tpm))),
        ("processor-info.supported-architecture", |_, kind| many(&kind.architectures)),
        ("processor-info.supported-features", |_, kind| many(&kind.processor_features)),
        ("processor-info.sustained-clock-speed-in-ghz", |_, kind| owned(kind.clock_ghz)),
        ("reboot-migration-support", |_, kind| one(on_or_off(kind.reboot_migration))),
        ("supported-boot-mode", |_, kind| many(&kind.boot_modes)),
        ("supported-root-device-type", |_, kind| many(&kind.root_devices)),
        ("supported-usage-class", |_, kind| many(&kind.usage_classes)),
        ("supported-virtualization-type", |_, kind| many(&kind.virtualization)),
        ("vcpu-info.default-cores", |_, kind| own(kind.cores)),
        ("vcpu-info.default-threads-per-core", |_, kind| own(kind.threads_per_core)),
        ("vcpu-info.default-vcpus", |_, kind| own(kind.vcpus)),
        ("vcpu-info.valid-cores", |_, kind| owned(&kind.valid_cores)),
        ("vcpu-info.valid-threads-per-core", |_, kind| owned(valid_threads(kind))),
    ],
    bare: &[],
};

/// Returns the valid threads per core: from 1 to the maximum if the number of cores can be chosen,
/// else none.
pub(crate) fn valid_threads(kind: &TypeFact) -> Vec<i64> {
    if kind.valid_cores.is_empty() { Vec::new() } else { (1..=kind.threads_per_core).collect() }
}

/// The TPM version of types that have one.
pub(crate) const TPM: &str = "2.0";

pub(crate) fn on_or_off(flag: bool) -> &'static str {
    if flag { "supported" } else { "unsupported" }
}
