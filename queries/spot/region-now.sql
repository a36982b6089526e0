-- Spot prices per hour of every instance type in the zones of some regions: the newest observation
-- of the seven days before an instant.
-- $regions regions  region codes joined by commas, or all
-- $product linux|rhel|suse|windows = linux  operating system
-- $as_of timestamp = now  use the newest observation at or before this instant
WITH observed AS (
    SELECT
        instance_type,
        region,
        az_id,
        observed_at,
        max(price_per_hour) AS price_per_hour,
        max(currency) AS currency
    FROM spot_price
    WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
        AND product = $product AND observed_at <= $as_of AND observed_at > $as_of - to_days(7)
    GROUP BY instance_type, region, az_id, observed_at
)
SELECT
    instance_type,
    region,
    az_id,
    arg_max_null(price_per_hour, observed_at) AS price_per_hour,
    arg_max(currency, observed_at) AS currency
FROM observed
GROUP BY instance_type, region, az_id
ORDER BY instance_type, region, az_id
