-- Spot prices per hour of one instance type observed in a period, zone by zone, and in the seven
-- days before it, because an observation counts as the price for seven days.
-- $type type  instance type
-- $regions regions = all  region codes joined by commas, or all
-- $product linux|rhel|suse|windows = linux  operating system
-- $days int = 90  length of the period before the instant, days
-- $as_of timestamp = now  use the newest observation at or before this instant
SELECT
    region,
    az_id,
    observed_at,
    -- Of several observations at one instant, a known price precedes an unknown one.
    max(price_per_hour) AS price_per_hour,
    max(currency) AS currency
FROM spot_price
WHERE instance_type = $type AND product = $product
    AND ($regions = 'all' OR list_contains(string_split($regions, ','), region))
    AND observed_at <= $as_of AND observed_at > $as_of - to_days(CAST($days AS INTEGER) + 7)
GROUP BY region, az_id, observed_at
ORDER BY region, az_id, observed_at
