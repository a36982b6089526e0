-- Instance types with GPUs or fractions of a GPU, largest GPU memory first.
-- $model text = all  GPU model as in gpu_model, or all
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    instance_type, gpus, gpu_model, gpu_partition_size, gpu_memory_per_gpu_mib, gpu_memory_mib,
    cuda_cores, compute_capability, gpu_memory_bandwidth_gbps, gpu_fp16_tflops, vcpus, memory_mib
FROM instance_type_corrected
WHERE gpus > 0
    AND ($model = 'all' OR lower(gpu_model) = lower($model))
    AND valid_at(valid_from, valid_until, $as_of)
ORDER BY gpu_memory_mib DESC, instance_type
