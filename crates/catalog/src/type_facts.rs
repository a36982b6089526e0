use crate::question::row;

row! {
    /// The facts of one instance type: a row of `instance/facts`, corrected with the manufacturers'
    /// documents.
    ///
    /// A count of 0 means that the type has none; `None` means that AWS does not state the value.
    pub struct TypeFacts {
        /// Name, such as `m7i.xlarge`.
        instance_type: String,
        /// The part before the dot.
        family: String,
        /// The part after the dot.
        size: String,
        /// The generation number in the family's name.
        generation: Option<i64>,
        /// AWS lists it as current generation.
        current_generation: bool,
        /// Default number of vCPUs.
        vcpus: i64,
        /// Default number of physical cores.
        cores: i64,
        /// Default threads per core.
        threads_per_core: i64,
        /// Memory, MiB.
        memory_mib: i64,
        /// Main architecture: `x86_64`, `arm64`, `arm64_mac` or `x86_64_mac`.
        arch: String,
        /// All architectures.
        architectures: Vec<String>,
        /// Intel, AMD, AWS or Apple.
        cpu_maker: String,
        /// Sustained clock, GHz.
        clock_ghz: Option<f64>,
        /// Such as `amd-sev-snp`, `nested-virtualization`.
        processor_features: Vec<String>,
        /// Runs without a hypervisor.
        bare_metal: bool,
        /// `nitro` or `xen`; none on bare metal.
        hypervisor: Option<String>,
        /// Uses CPU credits.
        burstable: bool,
        /// Eligible for the free tier.
        free_tier: bool,
        /// Supports automatic recovery.
        auto_recovery: bool,
        /// Can run on a dedicated host.
        dedicated_hosts: bool,
        /// Supports hibernation.
        hibernation: bool,
        /// `on-demand`, `spot`, `capacity-block`.
        usage_classes: Vec<String>,
        /// `ebs`, `instance-store`.
        root_devices: Vec<String>,
        /// `hvm`, `paravirtual`.
        virtualization: Vec<String>,
        /// `legacy-bios`, `uefi`.
        boot_modes: Vec<String>,
        /// `cluster`, `partition`, `spread`.
        placement_strategies: Vec<String>,
        /// Supports Nitro Enclaves.
        nitro_enclaves: bool,
        /// Supports NitroTPM.
        nitro_tpm: bool,
        /// AWS's description, such as `Up to 12.5 Gigabit`.
        network_performance: String,
        /// Total baseline bandwidth of the network cards, Gbit/s.
        network_baseline_gbps: Option<f64>,
        /// Total peak bandwidth of the network cards, Gbit/s.
        network_peak_gbps: Option<f64>,
        /// Maximum number of network interfaces.
        network_interfaces: i64,
        /// Supports IPv6.
        ipv6: bool,
        /// `required`, `supported` or `unsupported`.
        ena: String,
        /// Supports ENA Express.
        ena_srd: bool,
        /// Supports Elastic Fabric Adapter.
        efa: bool,
        /// Traffic between instances is encrypted.
        encryption_in_transit: bool,
        /// `default`, `supported` or `unsupported`.
        ebs_optimized: String,
        /// `required`, `supported` or `unsupported`.
        ebs_nvme: String,
        /// EBS baseline bandwidth, Mbit/s.
        ebs_baseline_mbps: Option<i64>,
        /// EBS baseline I/O operations per second.
        ebs_baseline_iops: Option<i64>,
        /// EBS baseline throughput, MB/s.
        ebs_baseline_mbytes: Option<f64>,
        /// Total instance storage, GB.
        storage_gb: i64,
        /// `ssd` or `hdd`.
        storage_type: Option<String>,
        /// `required`, `supported` or `unsupported`.
        storage_nvme: Option<String>,
        /// Encryption of instance storage: `required` or `unsupported`.
        storage_encryption: Option<String>,
        /// Number of GPUs. A fraction of a GPU counts as one, with `gpu_partition_size` below 1.
        gpus: i64,
        /// GPU name.
        gpu_model: Option<String>,
        /// GPU manufacturer.
        gpu_maker: Option<String>,
        /// Fraction of a physical GPU in each counted GPU; 1 is a whole GPU.
        gpu_partition_size: Option<f64>,
        /// Memory of each GPU or fraction, MiB, from the manufacturer's document if there is one.
        gpu_memory_per_gpu_mib: Option<i64>,
        /// Memory of all GPUs, MiB. 0 without GPUs, `None` if the memory of a GPU is not stated.
        gpu_memory_mib: Option<i64>,
        /// CUDA cores of one whole GPU.
        cuda_cores: Option<i64>,
        /// CUDA compute capability.
        compute_capability: Option<f64>,
        /// Memory bandwidth of one whole GPU, GB/s.
        gpu_memory_bandwidth_gbps: Option<f64>,
        /// Dense FP16 tensor TFLOP/s of one whole GPU.
        gpu_fp16_tflops: Option<f64>,
        /// Number of inference accelerators.
        inference_accelerators: i64,
        /// Inference accelerator name.
        inference_model: Option<String>,
        /// Inference accelerator manufacturer.
        inference_maker: Option<String>,
        /// Number of Neuron devices.
        neuron_devices: i64,
        /// Neuron device name.
        neuron_model: Option<String>,
        /// Total number of Neuron cores.
        neuron_cores: i64,
        /// Number of FPGAs.
        fpgas: i64,
        /// FPGA name.
        fpga_model: Option<String>,
        /// Number of media accelerators.
        media_accelerators: i64,
        /// Media accelerator name.
        media_model: Option<String>,
    }
}

impl TypeFacts {
    /// Returns the memory in GiB.
    pub fn memory_gib(&self) -> f64 {
        domain::mib_to_gib(self.memory_mib)
    }

    /// Returns the number of training accelerators: Neuron devices with a Trainium model name.
    pub fn training_accelerators(&self) -> i64 {
        match &self.neuron_model {
            Some(model) if model.starts_with("Trainium") => self.neuron_devices,
            _ => 0,
        }
    }
}
