-- Facts of every instance type, corrected with the manufacturers' documents, sorted by name.
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    instance_type, family, size, generation, current_generation,
    vcpus, cores, threads_per_core, memory_mib,
    arch, architectures, cpu_maker, clock_ghz, processor_features,
    bare_metal, hypervisor, burstable, free_tier, auto_recovery, dedicated_hosts, hibernation,
    usage_classes, root_devices, virtualization, boot_modes, placement_strategies,
    nitro_enclaves, nitro_tpm,
    network_performance, network_baseline_gbps, network_peak_gbps, network_interfaces,
    ipv6, ena, ena_srd, efa, encryption_in_transit,
    ebs_optimized, ebs_nvme, ebs_baseline_mbps, ebs_baseline_iops,
    ebs_baseline_mbytes,
    storage_gb, storage_type, storage_nvme, storage_encryption,
    gpus, gpu_model, gpu_maker, gpu_partition_size, gpu_memory_per_gpu_mib, gpu_memory_mib,
    cuda_cores, compute_capability, gpu_memory_bandwidth_gbps, gpu_fp16_tflops,
    inference_accelerators, inference_model, inference_maker,
    neuron_devices, neuron_model, neuron_cores,
    fpgas, fpga_model, media_accelerators, media_model
-- The table is stored in the order of the names; sorting some 70 columns would add 6 ms per search.
FROM instance_type_corrected
WHERE valid_at(valid_from, valid_until, $as_of)
