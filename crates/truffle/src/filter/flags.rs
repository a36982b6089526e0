//! The filter flags of `truffle search`.

use catalog::TypeFacts;
use clap::Args;
use console::{Failure, suggest_closest};
use domain::{AzId, Decimal, Known};

use super::fact::{FlagFact, NumericFact, TextFact};
use super::{FilterCondition, NamePattern, PriceUnit, SearchFilter};
use crate::accelerator_names::{names_model, nearest_model};
use crate::range::{MemoryRatio, MemorySize, RangeBound, ValueRange};

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
    pub vcpus: Option<ValueRange<i64>>,
    /// Number of physical cores
    #[arg(long, value_name = "RANGE")]
    pub cores: Option<ValueRange<i64>>,
    /// Number of threads per core
    #[arg(long, value_name = "RANGE")]
    pub threads_per_core: Option<ValueRange<i64>>,
    /// Sustained clock in GHz
    #[arg(long, value_name = "RANGE")]
    pub clock: Option<ValueRange<f64>>,
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.number("--vcpus", NumericFact::Vcpus, self.vcpus);
        flags.number("--cores", NumericFact::Cores, self.cores);
        flags.number("--threads-per-core", NumericFact::ThreadsPerCore, self.threads_per_core);
        flags.number("--clock", NumericFact::Clock, self.clock);
        flags.text("--arch", TextFact::Arch, &self.arch)?;
        flags.text("--cpu-maker", TextFact::CpuMaker, &self.cpu_maker)?;
        flags.text("--processor-feature", TextFact::ProcessorFeature, &self.processor_feature)?;
        flags.flag("--nested-virtualization", FlagFact::NestedVirtualization, self.nested_virtualization);
        flags.flag("--burstable", FlagFact::Burstable, self.burstable);
        Ok(())
    }
}

/// Filters on memory.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Memory, such as 16GiB..64GiB, ..64 or 512MiB; a number without a unit is GiB
    #[arg(long, value_name = "RANGE")]
    pub memory: Option<ValueRange<MemorySize>>,
    /// Ratio of vCPUs to GiB of memory, such as 1:4 or 1:4..
    #[arg(long, value_name = "RANGE")]
    pub vcpus_to_memory: Option<ValueRange<MemoryRatio>>,
}

impl MemoryArgs {
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.number("--memory", NumericFact::Memory, self.memory);
        flags.number("--vcpus-to-memory", NumericFact::MemoryPerVcpu, self.vcpus_to_memory);
        Ok(())
    }
}

/// Filters on accelerators.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Accelerators")]
pub struct AcceleratorArgs {
    /// Number of GPUs; a fractional GPU counts as one
    #[arg(long, value_name = "RANGE")]
    pub gpus: Option<ValueRange<i64>>,
    /// GPU models, such as H100,H200
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub gpu_model: Vec<String>,
    /// GPU makers, such as NVIDIA
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    pub gpu_maker: Vec<String>,
    /// Total memory of all GPUs, such as 80GiB..
    #[arg(long, value_name = "RANGE")]
    pub gpu_memory: Option<ValueRange<MemorySize>>,
    /// Memory per GPU
    #[arg(long, value_name = "RANGE")]
    pub gpu_memory_each: Option<ValueRange<MemorySize>>,
    /// CUDA cores per GPU
    #[arg(long, value_name = "RANGE")]
    pub cuda_cores: Option<ValueRange<i64>>,
    /// CUDA compute capability, such as 8.0..
    #[arg(long, value_name = "RANGE")]
    pub compute_capability: Option<ValueRange<f64>>,
    /// Has GPUs that MIG can partition
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mig: Option<bool>,
    /// Has GPUs that processes can share through MPS
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub mps: Option<bool>,
    /// Number of inference accelerators
    #[arg(long, value_name = "RANGE")]
    pub inference_accelerators: Option<ValueRange<i64>>,
    /// Inference accelerator models, such as Inferentia2
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub inference_model: Vec<String>,
    /// Inference accelerator makers
    #[arg(long, value_name = "MAKER", value_delimiter = ',')]
    pub inference_maker: Vec<String>,
    /// Number of training accelerators (Trainium)
    #[arg(long, value_name = "RANGE")]
    pub training_accelerators: Option<ValueRange<i64>>,
    /// Neuron device models (Inferentia and Trainium)
    #[arg(long, value_name = "MODEL", value_delimiter = ',')]
    pub neuron_model: Vec<String>,
    /// Number of Neuron cores
    #[arg(long, value_name = "RANGE")]
    pub neuron_cores: Option<ValueRange<i64>>,
    /// Number of FPGAs
    #[arg(long, value_name = "RANGE")]
    pub fpgas: Option<ValueRange<i64>>,
    /// Number of media accelerators
    #[arg(long, value_name = "RANGE")]
    pub media_accelerators: Option<ValueRange<i64>>,
}

impl AcceleratorArgs {
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.number("--gpus", NumericFact::Gpus, self.gpus);
        flags.text("--gpu-model", TextFact::GpuModel, &self.gpu_model)?;
        flags.text("--gpu-maker", TextFact::GpuMaker, &self.gpu_maker)?;
        flags.number("--gpu-memory", NumericFact::GpuMemory, self.gpu_memory);
        flags.number("--gpu-memory-each", NumericFact::GpuMemoryEach, self.gpu_memory_each);
        flags.number("--cuda-cores", NumericFact::CudaCores, self.cuda_cores);
        flags.number("--compute-capability", NumericFact::ComputeCapability, self.compute_capability);
        flags.flag("--mig", FlagFact::Mig, self.mig);
        flags.flag("--mps", FlagFact::Mps, self.mps);
        flags.number(
            "--inference-accelerators",
            NumericFact::InferenceAccelerators,
            self.inference_accelerators,
        );
        flags.text("--inference-model", TextFact::InferenceModel, &self.inference_model)?;
        flags.text("--inference-maker", TextFact::InferenceMaker, &self.inference_maker)?;
        flags.number(
            "--training-accelerators",
            NumericFact::TrainingAccelerators,
            self.training_accelerators,
        );
        flags.text("--neuron-model", TextFact::NeuronModel, &self.neuron_model)?;
        flags.number("--neuron-cores", NumericFact::NeuronCores, self.neuron_cores);
        flags.number("--fpgas", NumericFact::Fpgas, self.fpgas);
        flags.number("--media-accelerators", NumericFact::MediaAccelerators, self.media_accelerators);
        Ok(())
    }
}

/// Filters on the network.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Peak network bandwidth in Gbit/s
    #[arg(long, value_name = "RANGE")]
    pub network_bandwidth: Option<ValueRange<f64>>,
    /// Baseline network bandwidth in Gbit/s
    #[arg(long, value_name = "RANGE")]
    pub network_baseline: Option<ValueRange<f64>>,
    /// Network performance in Gbit/s, as stated by AWS ("Up to 12.5 Gigabit" is 12.5)
    #[arg(long, value_name = "RANGE")]
    pub network_performance: Option<ValueRange<f64>>,
    /// Maximum number of network interfaces
    #[arg(long, value_name = "RANGE")]
    pub network_interfaces: Option<ValueRange<i64>>,
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.number("--network-bandwidth", NumericFact::NetworkPeak, self.network_bandwidth);
        flags.number("--network-baseline", NumericFact::NetworkBaseline, self.network_baseline);
        flags.number("--network-performance", NumericFact::NetworkPerformance, self.network_performance);
        flags.number("--network-interfaces", NumericFact::NetworkInterfaces, self.network_interfaces);
        flags.flag("--ena", FlagFact::Ena, self.ena);
        flags.flag("--ena-express", FlagFact::EnaExpress, self.ena_express);
        flags.flag("--efa", FlagFact::Efa, self.efa);
        flags.flag("--ipv6", FlagFact::Ipv6, self.ipv6);
        flags.flag("--network-encryption", FlagFact::NetworkEncryption, self.network_encryption);
        Ok(())
    }
}

/// Filters on storage.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// Instance storage in GB; 0 means none
    #[arg(long, value_name = "RANGE")]
    pub storage: Option<ValueRange<i64>>,
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
    pub ebs_bandwidth: Option<ValueRange<i64>>,
    /// EBS baseline operations per second
    #[arg(long, value_name = "RANGE")]
    pub ebs_iops: Option<ValueRange<i64>>,
    /// EBS baseline throughput in MB/s
    #[arg(long, value_name = "RANGE")]
    pub ebs_throughput: Option<ValueRange<f64>>,
    /// Attaches EBS volumes as NVMe devices
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub ebs_nvme: Option<bool>,
}

impl StorageArgs {
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.number("--storage", NumericFact::Storage, self.storage);
        flags.text("--storage-type", TextFact::StorageType, &self.storage_type)?;
        flags.flag("--storage-nvme", FlagFact::StorageNvme, self.storage_nvme);
        flags.flag("--storage-encryption", FlagFact::StorageEncryption, self.storage_encryption);
        flags.text("--root-device", TextFact::RootDevice, &self.root_device)?;
        flags.flag("--ebs-optimized", FlagFact::EbsOptimized, self.ebs_optimized);
        flags.number("--ebs-bandwidth", NumericFact::EbsBandwidth, self.ebs_bandwidth);
        flags.number("--ebs-iops", NumericFact::EbsIops, self.ebs_iops);
        flags.number("--ebs-throughput", NumericFact::EbsThroughput, self.ebs_throughput);
        flags.flag("--ebs-nvme", FlagFact::EbsNvme, self.ebs_nvme);
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
    pub generation: Option<ValueRange<i64>>,
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        flags.flag("--bare-metal", FlagFact::BareMetal, self.bare_metal);
        flags.text("--hypervisor", TextFact::Hypervisor, &self.hypervisor)?;
        flags.text("--virtualization", TextFact::Virtualization, &self.virtualization)?;
        flags.text("--boot-mode", TextFact::BootMode, &self.boot_mode)?;
        flags.number("--generation", NumericFact::Generation, self.generation);
        flags.flag("--current-generation", FlagFact::CurrentGeneration, self.current_generation);
        flags.text("--usage-class", TextFact::UsageClass, &self.usage_class)?;
        flags.text("--placement", TextFact::Placement, &self.placement)?;
        flags.flag("--hibernation", FlagFact::Hibernation, self.hibernation);
        flags.flag("--dedicated-hosts", FlagFact::DedicatedHosts, self.dedicated_hosts);
        flags.flag("--free-tier", FlagFact::FreeTier, self.free_tier);
        flags.flag("--auto-recovery", FlagFact::AutoRecovery, self.auto_recovery);
        flags.flag("--nitro-enclaves", FlagFact::NitroEnclaves, self.nitro_enclaves);
        flags.flag("--nitro-tpm", FlagFact::NitroTpm, self.nitro_tpm);
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        let pattern = |flag: &str, typed: &str| {
            NamePattern::regex(typed).map_err(|error| Failure::usage(format!("{flag}: {error}")))
        };
        if let Some(typed) = &self.allow {
            flags.add(format!("--allow {typed}"), FilterCondition::Name(pattern("--allow", typed)?));
        }
        if let Some(typed) = &self.deny {
            flags.add(format!("--deny {typed}"), FilterCondition::NotName(pattern("--deny", typed)?));
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        for (flag, per, ceiling) in [
            ("--max-price", PriceUnit::Hour, self.max_price),
            ("--max-price-per-vcpu", PriceUnit::Vcpu, self.max_price_per_vcpu),
            ("--max-price-per-gib", PriceUnit::Gib, self.max_price_per_gib),
            ("--max-price-per-gpu", PriceUnit::Gpu, self.max_price_per_gpu),
        ] {
            let Some(ceiling) = ceiling else { continue };
            flags.add(format!("{flag} {ceiling}"), FilterCondition::Price(per, ceiling));
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
    fn filters(&self, flags: &mut FlagFilters) -> Result<(), Failure> {
        if !self.zones.is_empty() {
            for zone in &self.zones {
                AzId::parse(zone).map_err(|error| Failure::usage(format!("--zones: {error}")))?;
            }
            flags
                .add(format!("--zones {}", self.zones.join(",")), FilterCondition::Zones(self.zones.clone()));
        }
        Ok(())
    }
}

impl FilterArgs {
    /// Returns the names of the yes-or-no flags that were given without a value or as true.
    pub(crate) fn set_flags(&self, facts: &[TypeFacts]) -> Result<Vec<String>, Failure> {
        let is_set = |filter: &SearchFilter| matches!(filter.condition, FilterCondition::Flag(_, true));
        Ok(self.filters(facts)?.into_iter().filter(is_set).map(|filter| filter.typed).collect())
    }

    /// Returns the filters of the flags, in the order of the help.
    pub(super) fn filters(&self, facts: &[TypeFacts]) -> Result<Vec<SearchFilter>, Failure> {
        let mut flags = FlagFilters { facts, filters: Vec::new() };
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
struct FlagFilters<'a> {
    facts: &'a [TypeFacts],
    filters: Vec<SearchFilter>,
}

impl FlagFilters<'_> {
    fn add(&mut self, typed: String, condition: FilterCondition) {
        self.filters.push(SearchFilter { typed, condition });
    }

    fn number<T: RangeBound>(&mut self, flag: &str, number: NumericFact, range: Option<ValueRange<T>>) {
        if let Some(range) = range {
            self.add(format!("{flag} {range}"), FilterCondition::Number(number, range.numbers()));
        }
    }

    fn flag(&mut self, name: &str, flag: FlagFact, wanted: Option<bool>) {
        match wanted {
            Some(true) => self.add(name.to_string(), FilterCondition::Flag(flag, true)),
            Some(false) => self.add(format!("{name}=false"), FilterCondition::Flag(flag, false)),
            None => {}
        }
    }

    fn text(&mut self, flag: &str, text: TextFact, asked: &[String]) -> Result<(), Failure> {
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
        self.add(format!("{flag} {}", asked.join(",")), FilterCondition::Text(text, values));
        Ok(())
    }
}

/// Flags that name models of accelerators.
const ACCELERATOR_FLAGS: [&str; 3] = ["--gpu-model", "--inference-model", "--neuron-model"];

/// Returns the value as the facts spell it. An unknown value is a usage failure, not an empty
/// search.
fn known_value(flag: &str, asked: &str, known: &[&str]) -> Result<String, Failure> {
    let meant = match (flag, asked) {
        ("--arch", "arm" | "aarch64") => "arm64",
        ("--arch", "amd64" | "x86") => "x86_64",
        _ => asked,
    };
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(meant));
    let is_model = ACCELERATOR_FLAGS.contains(&flag);
    let found = found.or_else(|| known.iter().find(|known| is_model && names_model(asked, known)));
    found.map(|known| known.to_string()).ok_or_else(|| {
        let suggestion = match nearest_model(asked, known).filter(|_| is_model) {
            Some(model) => format!("; the closest match is {model}"),
            None => suggest_closest(asked, known.iter().copied()),
        };
        Failure::usage(format!("{flag}: unknown value \"{asked}\"{suggestion}"))
            .hint(format!("known values: {}", known.join(", ")))
    })
}
