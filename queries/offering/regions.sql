-- Regions, each with whether it offers an instance type (null if its offerings were not collected),
-- the zones that do, since when this lake knows the offer, and whether prices of the region were
-- collected. AWS may have offered the type before `first_observed_at`.
-- $type type  instance type
-- $as_of timestamp = now  use the newest data at or before this instant
WITH collected AS (
    SELECT dataset, scope AS region, bool_or(outcome <> 'partial') AS is_whole
    FROM collection_run
    WHERE dataset IN ('offering', 'price')
        AND outcome IN ('complete', 'partial', 'empty', 'unchanged') AND observed_from <= $as_of
    GROUP BY dataset, scope
),
offered AS (
    SELECT region, array_agg(DISTINCT az_id ORDER BY az_id) AS az_ids
    FROM offering_history
    WHERE instance_type = $type AND valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
),
since AS (
    SELECT region, min(valid_from) AS first_observed_at
    FROM offering_history
    WHERE instance_type = $type AND valid_from <= $as_of
    GROUP BY region
),
named AS (
    SELECT region FROM region_history WHERE valid_at(valid_from, valid_until, $as_of)
    UNION SELECT region FROM collected
)
SELECT
    named.region,
    CASE WHEN offered.region IS NOT NULL THEN TRUE WHEN offerings.region IS NOT NULL THEN FALSE END AS is_offered,
    -- A zone is null where only the region is known.
    coalesce(list_filter(offered.az_ids, lambda zone: zone IS NOT NULL), []) AS az_ids,
    since.first_observed_at,
    prices.region IS NOT NULL AS has_prices
FROM named
LEFT JOIN offered ON offered.region = named.region
LEFT JOIN since ON since.region = named.region
-- A part of the offerings does not show that a type is missing.
LEFT JOIN collected AS offerings
    ON offerings.dataset = 'offering' AND offerings.is_whole AND offerings.region = named.region
LEFT JOIN collected AS prices ON prices.dataset = 'price' AND prices.region = named.region
ORDER BY named.region
