-- Spot prices of AWS's public page against the newest prices of the region's zones, mismatches
-- first. The page gives one price per region and does not name its zone. A price agrees if it lies
-- between the lowest and the highest price of the zones.
-- $type type  instance type
-- $as_of timestamp = now  use the newest data at or before this instant
WITH observed AS (
    SELECT region, az_id, product, currency, observed_at, max(price_per_hour) AS price_per_hour
    FROM spot_price
    WHERE instance_type = $type AND observed_at <= $as_of
    GROUP BY region, az_id, product, currency, observed_at
),
newest AS (
    SELECT region, az_id, product, currency, arg_max_null(price_per_hour, observed_at) AS price_per_hour
    FROM observed
    GROUP BY region, az_id, product, currency
),
zones AS (
    SELECT region, product, currency, min(price_per_hour) AS lowest, max(price_per_hour) AS highest, count(*) AS zones
    FROM newest
    WHERE price_per_hour IS NOT NULL
    GROUP BY region, product, currency
)
SELECT
    feed.region,
    feed.os,
    feed.price_per_hour AS feed_price,
    zones.lowest,
    zones.highest,
    zones.zones,
    -- The page rounds to four decimals.
    feed.price_per_hour BETWEEN zones.lowest - 0.0001 AND zones.highest + 0.0001 AS agrees,
    feed.currency,
    feed.observed_at
FROM spot_feed_history AS feed
LEFT JOIN zones ON zones.region = feed.region AND zones.product = feed.os AND zones.currency = feed.currency
WHERE feed.instance_type = $type
    AND valid_at(feed.valid_from, feed.valid_until, $as_of)
ORDER BY agrees, feed.region, feed.os, feed.currency
