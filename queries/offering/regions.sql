-- Types with their zones and on-demand prices in some regions.
-- $regions texts = all  region codes joined by commas, or all
-- $os text = linux  operating system of the price
-- $as_of timestamp = now  the newest statement at or before this instant
WITH offered AS (
    SELECT instance_type, region, list(az_id ORDER BY az_id) FILTER (WHERE az_id IS NOT NULL) AS az_ids
    FROM offering_history
    WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
        AND valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
    GROUP BY instance_type, region
),
priced AS (
    SELECT instance_type, region, price_per_hour, currency, observed_at, source, basis
    FROM price_history
    WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
        AND os = $os AND term = 'on-demand' AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
        AND valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
)
SELECT
    offered.instance_type,
    offered.region,
    coalesce(offered.az_ids, CAST([] AS VARCHAR[])) AS az_ids,
    priced.price_per_hour,
    priced.currency,
    priced.observed_at AS price_observed_at,
    priced.source AS price_source,
    priced.basis AS price_basis
FROM offered
LEFT JOIN priced ON priced.instance_type = offered.instance_type AND priced.region = offered.region
ORDER BY offered.instance_type, offered.region
