-- Measured utilization of instances, least busy first, one row per instance and source of
-- measurement. An instance without measurements is not listed; a figure that was not measured is
-- null. network_in_bytes_max and network_out_bytes_max are CloudWatch's bytes of one data point,
-- the columns per_second spawnd's bytes per second.
-- $days int = 14  length of the period before the instant, days
-- $as_of timestamp = now  use the data known at this instant
WITH measured AS (
    SELECT *
    FROM utilization_history
    WHERE valid_at(valid_from, valid_until, $as_of)
        AND observed_at > $as_of - to_days(CAST($days AS INTEGER)) AND observed_at <= $as_of
),
period AS (
    SELECT account_id, region, instance_id, source, round(sum(period_seconds) / 3600.0, 2) AS hours
    FROM (SELECT DISTINCT account_id, region, instance_id, source, observed_at, period_seconds FROM measured)
    GROUP BY account_id, region, instance_id, source
),
fleet AS (
    SELECT account_id, region, instance_id, any_value(name) AS name, any_value(instance_type) AS instance_type
    FROM instance_history
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY account_id, region, instance_id
)
SELECT
    instance_id,
    any_value(name) AS name,
    any_value(instance_type) AS instance_type,
    region,
    account_id,
    source,
    any_value(hours) AS hours,
    sum(value * period_seconds) FILTER (metric = 'cpu' AND statistic = 'average')
        / sum(period_seconds) FILTER (metric = 'cpu' AND statistic = 'average') AS cpu_percent,
    max(value) FILTER (metric = 'cpu' AND statistic = 'maximum') AS cpu_percent_max,
    quantile_cont(value, 0.95) FILTER (metric = 'cpu' AND statistic = 'maximum') AS cpu_percent_p95_of_hourly_max,
    max(value) FILTER (metric = 'network-in' AND unit = 'bytes' AND statistic = 'maximum') AS network_in_bytes_max,
    max(value) FILTER (metric = 'network-out' AND unit = 'bytes' AND statistic = 'maximum') AS network_out_bytes_max,
    max(observed_at) AS newest_period,
    max(value) FILTER (metric = 'network-in' AND unit = 'bytes-per-second') AS network_in_per_second_max,
    max(value) FILTER (metric = 'network-out' AND unit = 'bytes-per-second') AS network_out_per_second_max,
    max(value) FILTER (metric = 'disk') AS disk_per_second_max,
    max(value) FILTER (metric = 'gpu') AS gpu_percent_max,
    max(value) FILTER (metric = 'gpu-memory') AS gpu_memory_bytes_max,
    max_by(value, observed_at) FILTER (metric = 'idle') AS idle_seconds
FROM measured
JOIN period USING (account_id, region, instance_id, source)
LEFT JOIN fleet USING (account_id, region, instance_id)
GROUP BY account_id, region, instance_id, source
ORDER BY cpu_percent, instance_id, source
