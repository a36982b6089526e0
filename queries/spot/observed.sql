-- Spot prices per hour of a region observed in a period, and the last price of each series before
-- it. A price that ended or is not known is null.
-- $region region = us-east-1  region code
-- $days int = 90  length of the period before the instant, days
-- $as_of timestamp = now  use the newest observation at or before this instant
WITH observed AS (
    SELECT
        instance_type,
        az_id,
        product,
        observed_at,
        max(price_per_hour) AS price_per_hour,
        max(currency) AS currency
    FROM spot_price
    WHERE region = $region AND observed_at <= $as_of
    GROUP BY instance_type, az_id, product, observed_at
),
followed AS (
    SELECT *, lead(observed_at) OVER (PARTITION BY instance_type, az_id, product ORDER BY observed_at) AS next_at
    FROM observed
)
SELECT instance_type, az_id, product, observed_at, price_per_hour, currency
FROM followed
WHERE next_at IS NULL OR next_at > $as_of - to_days(CAST($days AS INTEGER))
ORDER BY instance_type, az_id, product, observed_at
