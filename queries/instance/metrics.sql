-- Metrics with measured values, and the number of instance types that have one.
-- $as_of timestamp = now  use measurements at or before this instant
SELECT metric, count(DISTINCT instance_type) AS instance_types
FROM benchmark
WHERE measured_at IS NULL OR measured_at <= $as_of
GROUP BY metric
ORDER BY metric
