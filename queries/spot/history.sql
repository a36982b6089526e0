-- Spot prices per hour of one instance type in one region over a period, zone by zone. Each is
-- valid from its instant until the next. The first row of a zone is the price at the start of the
-- period.
-- $type type  instance type
-- $region region = us-east-1  region code
-- $product linux|rhel|suse|windows = linux  operating system
-- $days int = 365  length of the period before the instant, days
-- $as_of timestamp = now  use the newest observation at or before this instant
WITH observed AS (
    SELECT az_id, observed_at, max(price_per_hour) AS price_per_hour, max(currency) AS currency
    FROM spot_price
    WHERE instance_type = $type AND region = $region AND product = $product AND observed_at <= $as_of
    GROUP BY az_id, observed_at
),
followed AS (
    SELECT *, lead(observed_at) OVER (PARTITION BY az_id ORDER BY observed_at) AS next_at
    FROM observed
)
SELECT az_id, observed_at, price_per_hour, currency
FROM followed
WHERE next_at IS NULL OR next_at > $as_of - to_days(CAST($days AS INTEGER))
ORDER BY az_id, observed_at
