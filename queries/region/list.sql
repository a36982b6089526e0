-- Regions with their number of zones, instance types and Linux on-demand prices; null if these were
-- not collected.
-- $as_of timestamp = now  use the newest data at or before this instant
WITH seen AS (
    SELECT DISTINCT dataset, scope
    FROM collection_run
    WHERE outcome IN ('complete', 'partial', 'empty', 'unchanged') AND observed_at <= $as_of
),
zones AS (
    SELECT region, count(DISTINCT az_id) AS n
    FROM zone_history
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
),
types AS (
    SELECT region, count(DISTINCT instance_type) AS n
    FROM offering_history
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
),
prices AS (
    SELECT region, count(DISTINCT instance_type) AS n
    FROM price_history
    WHERE os = 'linux' AND term = 'on-demand' AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
        AND valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
)
SELECT
    r.region,
    r.partition,
    r.name,
    CASE WHEN seen_zones.scope IS NOT NULL THEN coalesce(zones.n, 0) END AS zones,
    CASE WHEN seen_types.scope IS NOT NULL THEN coalesce(types.n, 0) END AS instance_types,
    CASE WHEN seen_prices.scope IS NOT NULL THEN coalesce(prices.n, 0) END AS priced_types
FROM region_history AS r
LEFT JOIN zones ON zones.region = r.region
LEFT JOIN types ON types.region = r.region
LEFT JOIN prices ON prices.region = r.region
LEFT JOIN seen AS seen_zones ON seen_zones.dataset = 'zone' AND seen_zones.scope = r.region
LEFT JOIN seen AS seen_types ON seen_types.dataset = 'offering' AND seen_types.scope = r.region
LEFT JOIN seen AS seen_prices ON seen_prices.dataset = 'price' AND seen_prices.scope = r.region
WHERE valid_at(r.valid_from, r.valid_until, $as_of)
ORDER BY r.region
