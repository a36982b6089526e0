use crate::question::row;

row! {
    /// What is known of one instance type: a row of `instance/facts`, corrected by the makers' documents.
    ///
    /// A count of 0 says that there is none; `None` says that AWS states nothing.
    pub struct TypeFacts {
        /// Name, such as `m7i.xlarge`.
        instance_type: String,
        /// What stands before the dot.
        family: String,
        /// What stands after the dot.
        size: String,
        /// The generation number in the family's name.
        generation: Option<i64>,
        /// AWS calls it current.
        current_generation: bool,
        /// vCPUs by default.
        vcpus: i64,
        /// Physical cores by default.
        cores: i64,
        /// Threads per core by default.
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
        /// No hypervisor.
        bare_metal: bool,
        /// `nitro` or `xen`; none on bare metal.
        hypervisor: Option<String>,
        /// Works with CPU credits.
        burstable: bool,
        /// Eligible for the free tier.
        free_tier: bool,
        /// Can be recovered automatically.
        auto_recovery: bool,
        /// Can run on a dedicated host.
        dedicated_hosts: bool,
        /// Can hibernate.
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
        /// Can hold a Nitro enclave.
        nitro_enclaves: bool,
        /// Has a Nitro TPM.
        nitro_tpm: bool,
        /// AWS's free text, such as `Up to 12.5 Gigabit`.
        network_performance: String,
        /// Sum of the cards' baseline bandwidth, Gbit/s.
        network_baseline_gbps: Option<f64>,
        /// Sum of the cards' peak bandwidth, Gbit/s.
        network_peak_gbps: Option<f64>,
        /// Network interfaces at most.
        network_interfaces: i64,
        /// Has IPv6.
        ipv6: bool,
        /// `required`, `supported` or `unsupported`.
        ena: String,
        /// ENA Express.
        ena_srd: bool,
        /// Elastic Fabric Adapter.
        efa: bool,
        /// Traffic between instances is encrypted.
        encryption_in_transit: bool,
        /// `default`, `supported` or `unsupported`.
        ebs_optimized: String,
        /// `required`, `supported` or `unsupported`.
        ebs_nvme: String,
        /// EBS baseline bandwidth, Mbit/s.
        ebs_baseline_mbps: Option<i64>,
        /// EBS baseline operations a second.
        ebs_baseline_iops: Option<i64>,
        /// EBS baseline throughput, MB/s.
        ebs_baseline_mbytes: Option<f64>,
        /// Instance storage in all, GB.
        storage_gb: i64,
        /// `ssd` or `hdd`.
        storage_type: Option<String>,
        /// `required`, `supported` or `unsupported`.
        storage_nvme: Option<String>,
        /// `required` or `unsupported`: whether instance storage is encrypted.
        storage_encryption: Option<String>,
        /// GPUs; a fraction of one counts as one with `gpu_partition_size` below 1.
        gpus: i64,
        /// GPU name.
        gpu_model: Option<String>,
        /// GPU maker.
        gpu_maker: Option<String>,
        /// Share of a GPU that each one is; 1 is whole.
        gpu_partition_size: Option<f64>,
        /// Memory of each GPU (or part of one), MiB, from the maker's document where there is one.
        gpu_memory_per_gpu_mib: Option<i64>,
        /// Memory of all GPUs, MiB; 0 without GPU, `None` when a GPU's memory is not stated.
        gpu_memory_mib: Option<i64>,
        /// CUDA cores of one whole GPU.
        cuda_cores: Option<i64>,
        /// CUDA compute capability.
        compute_capability: Option<f64>,
        /// Memory bandwidth of one whole GPU, GB/s.
        gpu_memory_bandwidth_gbps: Option<f64>,
        /// Dense FP16 tensor TFLOP/s of one whole GPU.
        gpu_fp16_tflops: Option<f64>,
        /// Inference accelerators.
        inference_accelerators: i64,
        /// Inference accelerator name.
        inference_model: Option<String>,
        /// Inference accelerator maker.
        inference_maker: Option<String>,
        /// Neuron devices.
        neuron_devices: i64,
        /// Neuron device name.
        neuron_model: Option<String>,
        /// Neuron cores in all.
        neuron_cores: i64,
        /// FPGAs.
        fpgas: i64,
        /// FPGA name.
        fpga_model: Option<String>,
        /// Media accelerators.
        media_accelerators: i64,
        /// Media accelerator name.
        media_model: Option<String>,
    }
}

impl TypeFacts {
    /// Memory, GiB.
    pub fn memory_gib(&self) -> f64 {
        domain::gib(self.memory_mib)
    }

    /// Training accelerators: Neuron devices whose name is a Trainium's.
    pub fn training_accelerators(&self) -> i64 {
        match &self.neuron_model {
            Some(model) if model.starts_with("Trainium") => self.neuron_devices,
            _ => 0,
        }
    }
}
