-- Instance types with the EC2 API's accelerator data corrected from the manufacturers' documents:
-- the memory of a GPU (the API reports 22,888 MiB for an L4 of 24 GiB), fractional GPUs (the API
-- counts 0 of them), and the memory of inference and training accelerators (524,288 MiB for a
-- Trainium2 of 98,304). A model with several memory sizes gets the nearest one. This is a table and
-- not a view, because every search reads it. The newest documents apply under any `$as_of`, because
-- the properties of a device do not change.
CREATE TABLE instance_type_corrected AS
WITH maker AS (
    SELECT
        h.instance_type,
        h.run_id,
        min_by(a, abs(a.memory_mib * coalesce(h.gpu_partition_size, 1) - h.gpu_memory_each_mib_reported)) AS a
    FROM instance_type_history AS h
    JOIN accelerator AS a ON a.model = h.gpu_model
    GROUP BY h.instance_type, h.run_id
),
known AS (
    SELECT
        h.*,
        CASE
            WHEN h.gpu_model IS NULL THEN 0
            WHEN h.gpu_count_reported > 0 THEN h.gpu_count_reported
            ELSE coalesce(h.gpu_logical_count, h.gpu_count_reported)
        END AS gpus,
        CASE
            WHEN h.gpu_model IS NULL THEN NULL
            WHEN maker.a.memory_mib IS NULL THEN h.gpu_memory_each_mib_reported
            ELSE CAST(round(maker.a.memory_mib * coalesce(h.gpu_partition_size, 1)) AS BIGINT)
        END AS gpu_memory_per_gpu_mib,
        maker.a.cuda_cores AS cuda_cores,
        maker.a.compute_capability AS compute_capability,
        maker.a.memory_bandwidth_gbps AS gpu_memory_bandwidth_gbps,
        maker.a.fp16_tflops AS gpu_fp16_tflops,
        (SELECT h.neuron_devices * min(a.memory_mib) FROM accelerator AS a WHERE a.model = h.neuron_model)
            AS neuron_memory_by_maker,
        (SELECT h.inference_accelerators * min(a.memory_mib) FROM accelerator AS a WHERE a.model = h.inference_model)
            AS inference_memory_by_maker
    FROM instance_type_history AS h
    LEFT JOIN maker ON maker.instance_type = h.instance_type AND maker.run_id = h.run_id
)
SELECT
    instance_type, family, size, generation, current_generation,
    vcpus, cores, threads_per_core, valid_cores, memory_mib,
    arch, architectures, cpu_maker, clock_ghz, processor_features,
    bare_metal, hypervisor, burstable, free_tier, auto_recovery, dedicated_hosts, hibernation,
    usage_classes, root_devices, virtualization, boot_modes, placement_strategies,
    nitro_enclaves, nitro_tpm, reboot_migration,
    network_performance, network_baseline_gbps, network_peak_gbps, network_cards, network_interfaces,
    ipv4_per_interface, ipv6_per_interface, ipv6, ena, ena_srd, efa, efa_interfaces,
    encryption_in_transit, bandwidth_weightings,
    ebs_optimized, ebs_nvme, ebs_attachments, ebs_baseline_mbps, ebs_max_mbps, ebs_baseline_iops,
    ebs_max_iops, ebs_baseline_mbytes, ebs_max_mbytes,
    storage_gb, storage_disks, storage_disk_gb, storage_type, storage_nvme, storage_encryption,
    gpus, gpu_model, gpu_maker, gpu_partition_size, gpu_memory_per_gpu_mib,
    CASE WHEN gpu_model IS NULL THEN 0 ELSE gpus * gpu_memory_per_gpu_mib END AS gpu_memory_mib,
    cuda_cores, compute_capability, gpu_memory_bandwidth_gbps, gpu_fp16_tflops,
    inference_accelerators, inference_model, inference_maker,
    coalesce(inference_memory_by_maker, inference_memory_mib) AS inference_memory_mib,
    neuron_devices, neuron_model, neuron_cores,
    coalesce(neuron_memory_by_maker, neuron_memory_mib) AS neuron_memory_mib,
    fpgas, fpga_model, media_accelerators, media_model,
    valid_from, valid_until
FROM known
ORDER BY instance_type, valid_from
