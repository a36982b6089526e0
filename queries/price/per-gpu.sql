-- On-demand price per hour of a whole GPU and of a GiB of GPU memory, in one region.
-- $region region = us-east-1  region code
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    t.instance_type,
    t.gpu_model,
    t.gpus,
    t.gpu_memory_mib,
    p.price_per_hour,
    p.currency,
    CAST(p.price_per_hour AS DOUBLE) / (t.gpus * coalesce(t.gpu_partition_size, 1)) AS price_per_whole_gpu,
    CAST(p.price_per_hour AS DOUBLE) / (t.gpu_memory_mib / 1024.0) AS price_per_gpu_gib,
    p.observed_at
FROM instance_type_corrected AS t
JOIN price_history AS p ON p.instance_type = t.instance_type
WHERE t.gpus > 0 AND t.gpu_memory_mib > 0
    AND p.region = $region AND p.os = 'linux' AND p.term = 'on-demand' AND p.tenancy = 'shared'
    AND p.software = 'none' AND p.licence <> 'byol'
    AND valid_at(t.valid_from, t.valid_until, $as_of)
    AND valid_at(p.valid_from, p.valid_until, $as_of)
ORDER BY price_per_gpu_gib, t.instance_type
