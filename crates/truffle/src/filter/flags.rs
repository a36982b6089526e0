//! The filter flags of `truffle search`.

use catalog::TypeFacts;
use clap::Args;
use console::{Failure, did_you_mean};
use domain::{AzId, Decimal, Known};

use super::fact::{Flag, Number, Text};
use super::{Condition, Filter, Pattern, Per};
use crate::range::{Bound, Memory, Range, Ratio};

/// Filters. A RANGE is 4..16, 4.., ..16 or 4, both ends included. A flag that takes a BOOL means
/// true without a value (--efa); --efa=false inverts it.
#[derive(Debug, Clone, Default, Args)]
pub struct FilterArgs {
    /// Filters on the processor.
    #[command(flatten)]
    pub processor: ProcessorArgs,
    /// Filters on memory.
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Filters on accelerators.
    #[command(flatten)]
    pub accelerators: AcceleratorArgs,
    /// Filters on the network.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Filters on storage.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Filters on the platform.
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// Filters on names.
    #[command(flatten)]
    pub names: NameArgs,
    /// Filters on prices.
    #[command(flatten)]
    pub price: PriceArgs,
    /// Filters on zones.
    #[command(flatten)]
    pub zone: ZoneArgs,
}

/// Filters on the processor.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Processor")]
pub struct ProcessorArgs {
    /// Number of vCPUs
    #[arg(long, value_name = "RANGE")]
    pub vcpus: Option<Range<i64>>,
    /// Number of physical cores
    #[arg(long, value_name = "RANGE")]
    pub cores: Option<Range<i64>>,
    /// Number of threads per core
    #[arg(long, value_name = "RANGE")]
    pub threads_per_core: Option<Range<i64>>,
    /// Sustained clock in GHz
    #[arg(long, value_name = "RANGE")]
    pub clock: Option<Range<f64>>,
    /// Architectures: x86_64, arm64, i386, arm64_mac, x86_64_mac
    #[arg(long, value_name = "ARCH", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// CPU makers: Intel, AMD, AWS, Apple
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    pub cpu_maker: Vec<String>,
    /// Processor features, as named by AWS, such as amd-sev-snp
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub processor_feature: Vec<String>,
    /// Supports nested virtualization
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub nested_virtualization: Option<bool>,
    /// Has burstable performance (CPU credits)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub burstable: Option<bool>,
}

impl ProcessorArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.number("--vcpus", Number::Vcpus, self.vcpus);
        flags.number("--cores", Number::Cores, self.cores);
        flags.number("--threads-per-core", Number::ThreadsPerCore, self.threads_per_core);
        flags.number("--clock", Number::Clock, self.clock);
        flags.text("--arch", Text::Arch, &self.arch)?;
        flags.text("--cpu-maker", Text::CpuMaker, &self.cpu_maker)?;
        flags.text("--processor-feature", Text::ProcessorFeature, &self.processor_feature)?;
        flags.flag("--nested-virtualization", Flag::NestedVirtualization, self.nested_virtualization);
        flags.flag("--burstable", Flag::Burstable, self.burstable);
        Ok(())
    }
}

/// Filters on memory.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Memory, such as 16GiB..64GiB, ..64 or 512MiB; a number without a unit is GiB
    #[arg(long, value_name = "RANGE")]
    pub memory: Option<Range<Memory>>,
    /// Ratio of vCPUs to GiB of memory, such as 1:4 or 1:4..
    #[arg(long, value_name = "RANGE")]
    pub vcpus_to_memory: Option<Range<Ratio>>,
}

impl MemoryArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.number("--memory", Number::Memory, self.memory);
        flags.number("--vcpus-to-memory", Number::MemoryPerVcpu, self.vcpus_to_memory);
        Ok(())
    }
}

/// Filters on accelerators.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Accelerators")]
pub struct AcceleratorArgs {
    /// Number of GPUs; a fractional GPU counts as one
    #[arg(long, value_name = "RANGE")]
    pub gpus: Option<Range<i64>>,
    /// GPU models, such as H100,H200
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub gpu_model: Vec<String>,
    /// GPU makers, such as NVIDIA
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    pub gpu_maker: Vec<String>,
    /// Total memory of all GPUs, such as 80GiB..
    #[arg(long, value_name = "RANGE")]
    pub gpu_memory: Option<Range<Memory>>,
    /// Memory per GPU
    #[arg(long, value_name = "RANGE")]
    pub gpu_memory_each: Option<Range<Memory>>,
    /// CUDA cores per GPU
    #[arg(long, value_name = "RANGE")]
    pub cuda_cores: Option<Range<i64>>,
    /// CUDA compute capability, such as 8.0..
    #[arg(long, value_name = "RANGE")]
    pub compute_capability: Option<Range<f64>>,
    /// Has GPUs that MIG can partition
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mig: Option<bool>,
    /// Has GPUs that processes can share through MPS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mps: Option<bool>,
    /// Number of inference accelerators
    #[arg(long, value_name = "RANGE")]
    pub inference_accelerators: Option<Range<i64>>,
    /// Inference accelerator models, such as Inferentia2
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub inference_model: Vec<String>,
    /// Inference accelerator makers
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    pub inference_maker: Vec<String>,
    /// Number of training accelerators (Trainium)
    #[arg(long, value_name = "RANGE")]
    pub training_accelerators: Option<Range<i64>>,
    /// Neuron device models (Inferentia and Trainium)
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub neuron_model: Vec<String>,
    /// Number of Neuron cores
    #[arg(long, value_name = "RANGE")]
    pub neuron_cores: Option<Range<i64>>,
    /// Number of FPGAs
    #[arg(long, value_name = "RANGE")]
    pub fpgas: Option<Range<i64>>,
    /// Number of media accelerators
    #[arg(long, value_name = "RANGE")]
    pub media_accelerators: Option<Range<i64>>,
}

impl AcceleratorArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.number("--gpus", Number::Gpus, self.gpus);
        flags.text("--gpu-model", Text::GpuModel, &self.gpu_model)?;
        flags.text("--gpu-maker", Text::GpuMaker, &self.gpu_maker)?;
        flags.number("--gpu-memory", Number::GpuMemory, self.gpu_memory);
        flags.number("--gpu-memory-each", Number::GpuMemoryEach, self.gpu_memory_each);
        flags.number("--cuda-cores", Number::CudaCores, self.cuda_cores);
        flags.number("--compute-capability", Number::ComputeCapability, self.compute_capability);
        flags.flag("--mig", Flag::Mig, self.mig);
        flags.flag("--mps", Flag::Mps, self.mps);
        flags.number("--inference-accelerators", Number::InferenceAccelerators, self.inference_accelerators);
        flags.text("--inference-model", Text::InferenceModel, &self.inference_model)?;
        flags.text("--inference-maker", Text::InferenceMaker, &self.inference_maker)?;
        flags.number("--training-accelerators", Number::TrainingAccelerators, self.training_accelerators);
        flags.text("--neuron-model", Text::NeuronModel, &self.neuron_model)?;
        flags.number("--neuron-cores", Number::NeuronCores, self.neuron_cores);
        flags.number("--fpgas", Number::Fpgas, self.fpgas);
        flags.number("--media-accelerators", Number::MediaAccelerators, self.media_accelerators);
        Ok(())
    }
}

/// Filters on the network.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Peak network bandwidth in Gbit/s
    #[arg(long, value_name = "RANGE")]
    pub network_bandwidth: Option<Range<f64>>,
    /// Baseline network bandwidth in Gbit/s
    #[arg(long, value_name = "RANGE")]
    pub network_baseline: Option<Range<f64>>,
    /// Network performance in Gbit/s, as stated by AWS ("Up to 12.5 Gigabit" is 12.5)
    #[arg(long, value_name = "RANGE")]
    pub network_performance: Option<Range<f64>>,
    /// Maximum number of network interfaces
    #[arg(long, value_name = "RANGE")]
    pub network_interfaces: Option<Range<i64>>,
    /// Supports or requires the Elastic Network Adapter (ENA)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ena: Option<bool>,
    /// Supports ENA Express
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ena_express: Option<bool>,
    /// Supports the Elastic Fabric Adapter (EFA)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub efa: Option<bool>,
    /// Supports IPv6
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ipv6: Option<bool>,
    /// Encrypts the traffic between instances
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub network_encryption: Option<bool>,
}

impl NetworkArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.number("--network-bandwidth", Number::NetworkPeak, self.network_bandwidth);
        flags.number("--network-baseline", Number::NetworkBaseline, self.network_baseline);
        flags.number("--network-performance", Number::NetworkPerformance, self.network_performance);
        flags.number("--network-interfaces", Number::NetworkInterfaces, self.network_interfaces);
        flags.flag("--ena", Flag::Ena, self.ena);
        flags.flag("--ena-express", Flag::EnaExpress, self.ena_express);
        flags.flag("--efa", Flag::Efa, self.efa);
        flags.flag("--ipv6", Flag::Ipv6, self.ipv6);
        flags.flag("--network-encryption", Flag::NetworkEncryption, self.network_encryption);
        Ok(())
    }
}

/// Filters on storage.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// Instance storage in GB; 0 means none
    #[arg(long, value_name = "RANGE")]
    pub storage: Option<Range<i64>>,
    /// Instance storage types: ssd or hdd
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub storage_type: Vec<String>,
    /// Has NVMe instance storage
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub storage_nvme: Option<bool>,
    /// Has encrypted instance storage
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub storage_encryption: Option<bool>,
    /// Root device types: ebs or instance-store
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub root_device: Vec<String>,
    /// Supports EBS optimization, also by default
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ebs_optimized: Option<bool>,
    /// EBS baseline bandwidth in Mbit/s
    #[arg(long, value_name = "RANGE")]
    pub ebs_bandwidth: Option<Range<i64>>,
    /// EBS baseline operations per second
    #[arg(long, value_name = "RANGE")]
    pub ebs_iops: Option<Range<i64>>,
    /// EBS baseline throughput in MB/s
    #[arg(long, value_name = "RANGE")]
    pub ebs_throughput: Option<Range<f64>>,
    /// Attaches EBS volumes as NVMe devices
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ebs_nvme: Option<bool>,
}

impl StorageArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.number("--storage", Number::Storage, self.storage);
        flags.text("--storage-type", Text::StorageType, &self.storage_type)?;
        flags.flag("--storage-nvme", Flag::StorageNvme, self.storage_nvme);
        flags.flag("--storage-encryption", Flag::StorageEncryption, self.storage_encryption);
        flags.text("--root-device", Text::RootDevice, &self.root_device)?;
        flags.flag("--ebs-optimized", Flag::EbsOptimized, self.ebs_optimized);
        flags.number("--ebs-bandwidth", Number::EbsBandwidth, self.ebs_bandwidth);
        flags.number("--ebs-iops", Number::EbsIops, self.ebs_iops);
        flags.number("--ebs-throughput", Number::EbsThroughput, self.ebs_throughput);
        flags.flag("--ebs-nvme", Flag::EbsNvme, self.ebs_nvme);
        Ok(())
    }
}

/// Filters on the platform.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Platform")]
pub struct PlatformArgs {
    /// Is bare metal, without a hypervisor
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub bare_metal: Option<bool>,
    /// Hypervisors: nitro or xen
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub hypervisor: Vec<String>,
    /// Virtualization types: hvm or paravirtual
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    pub virtualization: Vec<String>,
    /// Boot modes: uefi or legacy-bios
    #[arg(long, value_name = "MODE", value_delimiter = ',')]
    pub boot_mode: Vec<String>,
    /// Generation number in the name, such as 7..
    #[arg(long, value_name = "RANGE")]
    pub generation: Option<Range<i64>>,
    /// Is of the current generation, as stated by AWS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub current_generation: Option<bool>,
    /// Usage classes: on-demand, spot, capacity-block
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub usage_class: Vec<String>,
    /// Placement group strategies: cluster, partition, spread
    #[arg(long, value_name = "STRATEGY", value_delimiter = ',')]
    pub placement: Vec<String>,
    /// Supports hibernation
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub hibernation: Option<bool>,
    /// Supports dedicated hosts
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub dedicated_hosts: Option<bool>,
    /// Is eligible for the free tier
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub free_tier: Option<bool>,
    /// Supports automatic recovery
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub auto_recovery: Option<bool>,
    /// Supports Nitro Enclaves
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub nitro_enclaves: Option<bool>,
    /// Supports Nitro TPM
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub nitro_tpm: Option<bool>,
}

impl PlatformArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        flags.flag("--bare-metal", Flag::BareMetal, self.bare_metal);
        flags.text("--hypervisor", Text::Hypervisor, &self.hypervisor)?;
        flags.text("--virtualization", Text::Virtualization, &self.virtualization)?;
        flags.text("--boot-mode", Text::BootMode, &self.boot_mode)?;
        flags.number("--generation", Number::Generation, self.generation);
        flags.flag("--current-generation", Flag::CurrentGeneration, self.current_generation);
        flags.text("--usage-class", Text::UsageClass, &self.usage_class)?;
        flags.text("--placement", Text::Placement, &self.placement)?;
        flags.flag("--hibernation", Flag::Hibernation, self.hibernation);
        flags.flag("--dedicated-hosts", Flag::DedicatedHosts, self.dedicated_hosts);
        flags.flag("--free-tier", Flag::FreeTier, self.free_tier);
        flags.flag("--auto-recovery", Flag::AutoRecovery, self.auto_recovery);
        flags.flag("--nitro-enclaves", Flag::NitroEnclaves, self.nitro_enclaves);
        flags.flag("--nitro-tpm", Flag::NitroTpm, self.nitro_tpm);
        Ok(())
    }
}

/// Filters on names.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Names")]
pub struct NameArgs {
    /// Include only names in which a regular expression matches any part
    #[arg(long, value_name = "REGEX")]
    pub allow: Option<String>,
    /// Exclude names in which a regular expression matches any part
    #[arg(long, value_name = "REGEX")]
    pub deny: Option<String>,
    /// Find types like this one
    ///
    /// The architecture, the number of GPUs, bare metal and FPGA are the same; vCPUs and memory are
    /// 0.9 to 1.2 times its own. Other flags and words take precedence.
    #[arg(long, value_name = "TYPE")]
    pub like: Option<String>,
    /// Find interchangeable types of many generations
    ///
    /// These are types of the families c, m, r, t and a with x86_64 and 4 vCPUs, without bare metal
    /// and FPGA. Other flags and words take precedence.
    #[arg(long)]
    pub flexible: bool,
}

impl NameArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        let pattern = |flag: &str, typed: &str| {
            Pattern::regex(typed).map_err(|error| Failure::usage(format!("{flag}: {error}")))
        };
        if let Some(typed) = &self.allow {
            flags.add(format!("--allow {typed}"), Condition::Name(pattern("--allow", typed)?));
        }
        if let Some(typed) = &self.deny {
            flags.add(format!("--deny {typed}"), Condition::NotName(pattern("--deny", typed)?));
        }
        Ok(())
    }
}

/// Reads an amount in US dollars that is not negative.
fn dollars(text: &str) -> Result<Decimal, String> {
    match text.parse::<Decimal>() {
        Ok(amount) if amount >= Decimal::ZERO => Ok(amount),
        _ => Err("expected an amount such as 0.50".to_string()),
    }
}

/// Filters on prices.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Price")]
pub struct PriceArgs {
    /// Maximum price per hour in US dollars
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_price: Option<Decimal>,
    /// Maximum price per hour and vCPU in US dollars
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_price_per_vcpu: Option<Decimal>,
    /// Maximum price per hour and GiB of memory in US dollars
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_price_per_gib: Option<Decimal>,
    /// Maximum price per hour and GPU in US dollars
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub max_price_per_gpu: Option<Decimal>,
}

impl PriceArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        for (flag, per, ceiling) in [
            ("--max-price", Per::Hour, self.max_price),
            ("--max-price-per-vcpu", Per::Vcpu, self.max_price_per_vcpu),
            ("--max-price-per-gib", Per::Gib, self.max_price_per_gib),
            ("--max-price-per-gpu", Per::Gpu, self.max_price_per_gpu),
        ] {
            let Some(ceiling) = ceiling else { continue };
            flags.add(format!("{flag} {ceiling}"), Condition::Price(per, ceiling));
        }
        Ok(())
    }
}

/// Filters on zones.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Place")]
pub struct ZoneArgs {
    /// Zone ids, such as use1-az4
    #[arg(long, value_name = "AZ_ID", value_delimiter = ',')]
    pub zones: Vec<String>,
}

impl ZoneArgs {
    fn filters(&self, flags: &mut Flags) -> Result<(), Failure> {
        if !self.zones.is_empty() {
            for zone in &self.zones {
                AzId::parse(zone).map_err(|error| Failure::usage(format!("--zones: {error}")))?;
            }
            flags.add(format!("--zones {}", self.zones.join(",")), Condition::Zones(self.zones.clone()));
        }
        Ok(())
    }
}

impl FilterArgs {
    /// Returns the filters of the flags, in the order of the help.
    pub(super) fn filters(&self, facts: &[TypeFacts]) -> Result<Vec<Filter>, Failure> {
        let mut flags = Flags { facts, filters: Vec::new() };
        self.processor.filters(&mut flags)?;
        self.memory.filters(&mut flags)?;
        self.accelerators.filters(&mut flags)?;
        self.network.filters(&mut flags)?;
        self.storage.filters(&mut flags)?;
        self.platform.filters(&mut flags)?;
        self.names.filters(&mut flags)?;
        self.price.filters(&mut flags)?;
        self.zone.filters(&mut flags)?;
        Ok(flags.filters)
    }
}

/// Collects the filters of the flags.
struct Flags<'a> {
    facts: &'a [TypeFacts],
    filters: Vec<Filter>,
}

impl Flags<'_> {
    fn add(&mut self, typed: String, condition: Condition) {
        self.filters.push(Filter { typed, condition });
    }

    fn number<T: Bound>(&mut self, flag: &str, number: Number, range: Option<Range<T>>) {
        if let Some(range) = range {
            self.add(format!("{flag} {range}"), Condition::Number(number, range.numbers()));
        }
    }

    fn flag(&mut self, name: &str, flag: Flag, wanted: Option<bool>) {
        match wanted {
            Some(true) => self.add(name.to_string(), Condition::Flag(flag, true)),
            Some(false) => self.add(format!("{name}=false"), Condition::Flag(flag, false)),
            None => {}
        }
    }

    fn text(&mut self, flag: &str, text: Text, asked: &[String]) -> Result<(), Failure> {
        if asked.is_empty() {
            return Ok(());
        }
        let mut known: Vec<&str> = Vec::new();
        for facts in self.facts {
            if let Known::Is(texts) = text.of(facts) {
                known.extend(texts);
            }
        }
        known.sort_unstable();
        known.dedup();
        let values = asked.iter().map(|asked| known_value(flag, asked, &known)).collect::<Result<_, _>>()?;
        self.add(format!("{flag} {}", asked.join(",")), Condition::Text(text, values));
        Ok(())
    }
}

/// Returns the value as the facts spell it. An unknown value is a usage failure, not an empty
/// search.
fn known_value(flag: &str, asked: &str, known: &[&str]) -> Result<String, Failure> {
    let meant = match (flag, asked) {
        ("--arch", "arm" | "aarch64") => "arm64",
        ("--arch", "amd64" | "x86") => "x86_64",
        _ => asked,
    };
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(meant));
    found.map(|known| known.to_string()).ok_or_else(|| {
        let suggestion = did_you_mean(asked, known.iter().copied());
        Failure::usage(format!("{flag}: unknown value \"{asked}\"{suggestion}"))
            .hint(format!("known values: {}", known.join(", ")))
    })
}
