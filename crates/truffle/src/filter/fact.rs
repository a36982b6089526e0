//! Facts of an instance type that filters test: numbers, texts and flags, each with its noun for
//! messages.

use catalog::TypeFacts;
use domain::Known;

use crate::processors;

/// Declares an enum of facts, each with its noun and the function that reads it.
macro_rules! facts {
    ($(#[$doc:meta])* pub enum $name:ident -> $value:ty { $($(#[$fact_doc:meta])* $fact:ident, $noun:literal, $of:expr;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$fact_doc])* $fact,)*
        }

        impl $name {
            /// Returns the noun for messages.
            pub fn noun(self) -> &'static str {
                match self {
                    $($name::$fact => $noun,)*
                }
            }

            /// Reads the fact of an instance type.
            pub fn of(self, facts: &TypeFacts) -> Known<$value> {
                let read: fn(&TypeFacts) -> Known<$value> = match self {
                    $($name::$fact => $of,)*
                };
                read(facts)
            }
        }
    };
}

facts! {
    /// A numeric fact. Memory is in MiB and is shown in GiB.
    pub enum NumericFact -> f64 {
        /// vCPUs by default.
        Vcpus, "vCPUs", |t| count(t.vcpus);
        /// Physical cores.
        Cores, "physical cores", |t| count(t.cores);
        /// Threads per core.
        ThreadsPerCore, "threads per core", |t| count(t.threads_per_core);
        /// Memory, MiB.
        Memory, "GiB of memory", |t| count(t.memory_mib);
        /// GiB of memory per vCPU, to two decimals.
        MemoryPerVcpu, "GiB per vCPU", |t| {
            Known::Is((t.memory_gib() / t.vcpus as f64 * 100.0).round() / 100.0)
        };
        /// Sustained clock, GHz.
        Clock, "GHz", |t| stated(t.clock_ghz);
        /// Generation number in the family's name.
        Generation, "as its generation", |t| stated(t.generation.map(|n| n as f64));
        /// GPUs.
        Gpus, "GPUs", |t| count(t.gpus);
        /// Memory of all GPUs, MiB.
        GpuMemory, "GiB of GPU memory", |t| of_gpu(t, t.gpu_memory_mib.map(|n| n as f64));
        /// Memory of each GPU, MiB.
        GpuMemoryEach, "GiB of memory in each GPU", |t| of_gpu(t, t.gpu_memory_per_gpu_mib.map(|n| n as f64));
        /// CUDA cores of one GPU.
        CudaCores, "CUDA cores in each GPU", |t| of_gpu(t, t.cuda_cores.map(|n| n as f64));
        /// CUDA compute capability.
        ComputeCapability, "as its compute capability", |t| of_gpu(t, t.compute_capability);
        /// Inference accelerators.
        InferenceAccelerators, "inference accelerators", |t| count(t.inference_accelerators);
        /// Training accelerators.
        TrainingAccelerators, "training accelerators", |t| count(t.training_accelerators());
        /// Neuron cores.
        NeuronCores, "Neuron cores", |t| count(t.neuron_cores);
        /// FPGAs.
        Fpgas, "FPGAs", |t| count(t.fpgas);
        /// Media accelerators.
        MediaAccelerators, "media accelerators", |t| count(t.media_accelerators);
        /// Peak network bandwidth, Gbit/s.
        NetworkPeak, "Gbit/s of network bandwidth", |t| stated(t.network_peak_gbps);
        /// Baseline network bandwidth, Gbit/s.
        NetworkBaseline, "Gbit/s of baseline network bandwidth", |t| stated(t.network_baseline_gbps);
        /// Number in AWS's text on network performance, Gbit/s.
        NetworkPerformance, "Gbit/s of network performance", |t| stated(gigabits(&t.network_performance));
        /// Network interfaces.
        NetworkInterfaces, "network interfaces", |t| count(t.network_interfaces);
        /// EBS baseline bandwidth, Mbit/s.
        EbsBandwidth, "Mbit/s of EBS bandwidth", |t| stated(t.ebs_baseline_mbps.map(|n| n as f64));
        /// EBS baseline operations per second.
        EbsIops, "EBS operations a second", |t| stated(t.ebs_baseline_iops.map(|n| n as f64));
        /// EBS baseline throughput, MB/s.
        EbsThroughput, "MB/s of EBS throughput", |t| stated(t.ebs_baseline_mbytes);
        /// Instance storage, GB.
        Storage, "GB of instance storage", |t| count(t.storage_gb);
    }
}

impl NumericFact {
    /// Formats the number for the text before its noun: at most two decimals, memory in GiB.
    pub fn show(self, number: f64) -> String {
        let shown = match self {
            NumericFact::Memory | NumericFact::GpuMemory | NumericFact::GpuMemoryEach => number / 1024.0,
            _ => number,
        };
        format!("{}", (shown * 100.0).round() / 100.0)
    }

    /// Returns the noun after a formatted number: "GPUs", and "GPU" after "1" or "at least 1".
    pub fn noun_after(self, shown: &str) -> String {
        let noun = self.noun();
        let plural = |word: &&str| word.len() > 3 && word.ends_with('s') && !word.ends_with("/s");
        match noun.split(' ').find(plural).filter(|_| shown == "1" || shown.ends_with(" 1")) {
            Some(word) => noun.replacen(word, &word[..word.len() - 1], 1),
            None => noun.to_string(),
        }
    }
}

facts! {
    /// A fact with one or several texts; absent when the type has no such part.
    pub enum TextFact -> Vec<&str> {
        /// The instance type's name.
        Name, "name", |t| Known::Is(vec![&t.instance_type]);
        /// The instance type's family.
        Family, "family", |t| Known::Is(vec![&t.family]);
        /// The instance type's size.
        Size, "size", |t| Known::Is(vec![&t.size]);
        /// Architectures.
        Arch, "architecture", |t| Known::Is(all(&t.architectures));
        /// Maker of the CPU.
        CpuMaker, "CPU maker", |t| Known::Is(vec![&t.cpu_maker]);
        /// Processor generation, from the table in `processors`.
        Processor, "processor", |t| match processors::of(&t.family) {
            Some(processor) => Known::Is(vec![processor.name]),
            None => unseen("processor not in truffle's table"),
        };
        /// Instruction sets, from the table in `processors`.
        InstructionSet, "instruction set", |t| match processors::of(&t.family) {
            Some(processor) => Known::Is(processor.sets.to_vec()),
            None => unseen("processor not in truffle's table"),
        };
        /// Processor features, as named by AWS.
        ProcessorFeature, "processor feature", |t| Known::Is(all(&t.processor_features));
        /// Hypervisor.
        Hypervisor, "hypervisor", |t| texts(&t.hypervisor, !t.bare_metal);
        /// GPU model.
        GpuModel, "GPU model", |t| texts(&t.gpu_model, t.gpus > 0);
        /// GPU maker.
        GpuMaker, "GPU maker", |t| texts(&t.gpu_maker, t.gpus > 0);
        /// Inference accelerator.
        InferenceModel, "inference accelerator", |t| texts(&t.inference_model, t.inference_accelerators > 0);
        /// Maker of the inference accelerators.
        InferenceMaker, "inference accelerator maker", |t| texts(&t.inference_maker, t.inference_accelerators > 0);
        /// Neuron device.
        NeuronModel, "Neuron device", |t| texts(&t.neuron_model, t.neuron_devices > 0);
        /// Any accelerator: GPU, inference, Neuron, FPGA, media.
        Accelerator, "accelerator", |t| Known::Is(
            [&t.gpu_model, &t.inference_model, &t.neuron_model, &t.fpga_model, &t.media_model]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect(),
        );
        /// Maker of the GPUs or inference accelerators.
        AcceleratorMaker, "accelerator maker", |t| Known::Is(
            [&t.gpu_maker, &t.inference_maker].into_iter().flatten().map(String::as_str).collect(),
        );
        /// Root device types.
        RootDevice, "root device", |t| Known::Is(all(&t.root_devices));
        /// Usage classes.
        UsageClass, "usage class", |t| Known::Is(all(&t.usage_classes));
        /// Virtualization types.
        Virtualization, "virtualization", |t| Known::Is(all(&t.virtualization));
        /// Boot modes.
        BootMode, "boot mode", |t| Known::Is(all(&t.boot_modes));
        /// Placement group strategies.
        Placement, "placement strategy", |t| Known::Is(all(&t.placement_strategies));
        /// Instance storage type.
        StorageType, "storage type", |t| texts(&t.storage_type, t.storage_gb > 0);
    }
}

facts! {
    /// A yes-or-no fact.
    pub enum FlagFact -> bool {
        /// No hypervisor.
        BareMetal, "bare metal", |t| Known::Is(t.bare_metal);
        /// CPU credits.
        Burstable, "burstable performance", |t| Known::Is(t.burstable);
        /// Current generation, as stated by AWS.
        CurrentGeneration, "the current generation", |t| Known::Is(t.current_generation);
        /// Eligible for the free tier.
        FreeTier, "free tier", |t| Known::Is(t.free_tier);
        /// Automatic recovery.
        AutoRecovery, "auto recovery", |t| Known::Is(t.auto_recovery);
        /// Dedicated hosts.
        DedicatedHosts, "dedicated hosts", |t| Known::Is(t.dedicated_hosts);
        /// Hibernation.
        Hibernation, "hibernation", |t| Known::Is(t.hibernation);
        /// Nitro Enclaves.
        NitroEnclaves, "Nitro Enclaves", |t| Known::Is(t.nitro_enclaves);
        /// Nitro TPM.
        NitroTpm, "Nitro TPM", |t| Known::Is(t.nitro_tpm);
        /// Nested virtualization.
        NestedVirtualization, "nested virtualization", |t| {
            Known::Is(t.processor_features.iter().any(|feature| feature == "nested-virtualization"))
        };
        /// GPUs that support MIG.
        Mig, "GPUs for MIG", mig;
        /// GPUs that support MPS.
        Mps, "GPUs for MPS", mps;
        /// Elastic Fabric Adapter.
        Efa, "EFA", |t| Known::Is(t.efa);
        /// Elastic Network Adapter.
        Ena, "ENA", |t| Known::Is(supported(&t.ena));
        /// ENA Express.
        EnaExpress, "ENA Express", |t| Known::Is(t.ena_srd);
        /// IPv6.
        Ipv6, "IPv6", |t| Known::Is(t.ipv6);
        /// Encryption between instances.
        NetworkEncryption, "encryption in transit", |t| Known::Is(t.encryption_in_transit);
        /// EBS optimization.
        EbsOptimized, "EBS optimization", |t| Known::Is(supported(&t.ebs_optimized));
        /// EBS volumes appear as NVMe.
        EbsNvme, "NVMe for EBS", |t| Known::Is(supported(&t.ebs_nvme));
        /// Instance storage is NVMe.
        StorageNvme, "NVMe instance storage", |t| of_storage(t, &t.storage_nvme);
        /// Instance storage is encrypted.
        StorageEncryption, "encrypted instance storage", |t| of_storage(t, &t.storage_encryption);
    }
}

fn unseen<T>(why: &str) -> Known<T> {
    Known::Unseen(why.to_string())
}

fn count(number: i64) -> Known<f64> {
    Known::Is(number as f64)
}

fn stated(number: Option<f64>) -> Known<f64> {
    number.map_or_else(|| unseen("AWS does not state it"), Known::Is)
}

fn of_storage(facts: &TypeFacts, support: &Option<String>) -> Known<bool> {
    match support {
        Some(support) => Known::Is(supported(support)),
        None if facts.storage_gb == 0 => Known::Is(false),
        None => unseen("AWS does not state it"),
    }
}

fn of_gpu(facts: &TypeFacts, number: Option<f64>) -> Known<f64> {
    if facts.gpus == 0 { Known::Absent } else { stated(number) }
}

/// GPU models on EC2 that support MIG. Source: NVIDIA Multi-Instance GPU User Guide, "Supported
/// GPUs" and "Deployment Considerations" (2026-10).
const CUT_BY_MIG: &[&str] = &["A100", "B200", "B300", "H100", "H200", "RTX PRO 4500", "RTX PRO Server 6000"];

/// Whether the type supports MIG. MIG partitions whole GPUs, not fractional ones.
fn mig(facts: &TypeFacts) -> Known<bool> {
    let whole = facts.gpu_partition_size.is_none_or(|part| part >= 1.0);
    match &facts.gpu_model {
        Some(model) => Known::Is(whole && CUT_BY_MIG.contains(&model.as_str())),
        None if facts.gpus > 0 => unseen("AWS does not state the model"),
        None => Known::Is(false),
    }
}

/// Whether the type supports MPS. Source: NVIDIA Multi-Process Service, "Prerequisites": compute
/// capability 3.5 or higher.
fn mps(facts: &TypeFacts) -> Known<bool> {
    match (facts.gpu_maker.as_deref(), facts.compute_capability) {
        (Some("NVIDIA"), Some(capability)) => Known::Is(capability >= 3.5),
        (Some("NVIDIA"), None) => unseen("its compute capability is not known"),
        (Some(_), _) => Known::Is(false),
        (None, _) if facts.gpus > 0 => unseen("AWS does not state the maker"),
        (None, _) => Known::Is(false),
    }
}

fn all(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn texts(text: &Option<String>, there_is_one: bool) -> Known<Vec<&str>> {
    match text {
        Some(text) => Known::Is(vec![text]),
        None if there_is_one => unseen("AWS does not state it"),
        None => Known::Absent,
    }
}

fn supported(word: &str) -> bool {
    matches!(word, "required" | "supported" | "default")
}

/// Reads the bandwidth in AWS's free text, Gbit/s: `Up to 12.5 Gigabit`, `16x 200 Gigabit`, `Up to
/// 12500 Megabit`. Returns `None` for texts such as `High`.
fn gigabits(text: &str) -> Option<f64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [before @ .., number, unit] = words.as_slice() else { return None };
    let number: f64 = number.parse().ok()?;
    let times = before.last().and_then(|word| word.strip_suffix('x')?.parse().ok()).unwrap_or(1.0);
    match *unit {
        "Gigabit" => Some(number * times),
        "Megabit" => Some(number * times / 1000.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::sample;

    #[test]
    fn noun_is_singular_after_one() {
        let check = |number: NumericFact, shown: &str, noun: &str| assert_eq!(number.noun_after(shown), noun);
        check(NumericFact::Gpus, "1", "GPU");
        check(NumericFact::Gpus, "8", "GPUs");
        check(NumericFact::CudaCores, "1", "CUDA core in each GPU");
        check(NumericFact::ThreadsPerCore, "1", "thread per core");
        check(NumericFact::Generation, "1", "as its generation");
        check(NumericFact::NetworkPeak, "1", "Gbit/s of network bandwidth");
        check(NumericFact::EbsThroughput, "1", "MB/s of EBS throughput");
    }

    #[test]
    fn unstated_gpu_memory_is_unknown_and_not_absent() {
        let check = |gpus: i64, mib: Option<i64>, expected: Known<f64>| {
            let mut facts = sample::facts().remove(0);
            (facts.gpus, facts.gpu_memory_mib) = (gpus, mib);
            assert_eq!(NumericFact::GpuMemory.of(&facts), expected);
        };
        check(0, Some(0), Known::Absent);
        check(4, Some(98_304), Known::Is(98_304.0));
        check(4, None, unseen("AWS does not state it"));
    }

    #[test]
    fn mig_needs_a_whole_gpu_of_a_supported_model() {
        let check = |model: Option<&str>, part: Option<f64>, expected: Known<bool>| {
            let mut facts = sample::facts().remove(0);
            (facts.gpus, facts.gpu_model, facts.gpu_partition_size) = (1, model.map(String::from), part);
            assert_eq!(FlagFact::Mig.of(&facts), expected);
        };
        check(Some("H100"), Some(1.0), Known::Is(true));
        check(Some("H100"), None, Known::Is(true));
        check(Some("H100"), Some(0.5), Known::Is(false));
        check(Some("L4"), Some(1.0), Known::Is(false));
        check(None, None, unseen("AWS does not state the model"));
    }

    #[test]
    fn mps_needs_a_recent_nvidia_gpu() {
        let check = |maker: Option<&str>, capability: Option<f64>, expected: Known<bool>| {
            let mut facts = sample::facts().remove(0);
            (facts.gpus, facts.gpu_maker, facts.compute_capability) =
                (1, maker.map(String::from), capability);
            assert_eq!(FlagFact::Mps.of(&facts), expected);
        };
        check(Some("NVIDIA"), Some(9.0), Known::Is(true));
        check(Some("NVIDIA"), Some(3.0), Known::Is(false));
        check(Some("NVIDIA"), None, unseen("its compute capability is not known"));
        check(Some("AMD"), None, Known::Is(false));
        check(None, None, unseen("AWS does not state the maker"));
    }

    #[test]
    fn network_text_is_read_or_unknown() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(gigabits(text), expected, "{text}");
        check("Up to 12.5 Gigabit", Some(12.5));
        check("3200 Gigabit", Some(3200.0));
        check("16x 200 Gigabit", Some(3200.0));
        check("Up to 12500 Megabit", Some(12.5));
        check("Low to Moderate", None);
        check("High", None);
        check("", None);
    }
}
