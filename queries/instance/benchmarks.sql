-- The best measured value of each instance type for one metric, and the value per currency unit of
-- the hourly on-demand price.
-- $metric metric  metric name; instance/metrics lists them
-- $region region = us-east-1  region of the on-demand Linux price
-- $as_of timestamp = now  use the newest data at or before this instant
WITH measured AS (
    SELECT instance_type, max(value) AS best, count(*) AS measurements, arg_max(source, value) AS source
    FROM benchmark
    WHERE metric = $metric AND (measured_at IS NULL OR measured_at <= $as_of)
    GROUP BY instance_type
)
SELECT
    measured.instance_type,
    measured.best,
    measured.measurements,
    p.price_per_hour,
    p.currency,
    measured.best / CAST(p.price_per_hour AS DOUBLE) AS per_price_unit,
    p.observed_at AS price_observed_at,
    measured.source
FROM measured
LEFT JOIN price_history AS p ON p.instance_type = measured.instance_type
    AND p.region = $region AND p.os = 'linux' AND p.term = 'on-demand' AND p.tenancy = 'shared'
    AND p.software = 'none' AND p.licence <> 'byol'
    AND valid_at(p.valid_from, p.valid_until, $as_of)
ORDER BY measured.best DESC, measured.instance_type
