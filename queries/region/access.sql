-- Regions of each account's partition and whether it can use them, with the number of zones and
-- instance types there; null if they were not collected.
-- $as_of timestamp = now  use the newest data at or before this instant
WITH named AS (
    SELECT region, any_value(name) AS name
    FROM region_history
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
),
offered AS (
    SELECT region, count(DISTINCT instance_type) AS instance_types, count(DISTINCT az_id) AS zones
    FROM offering_history
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY region
)
SELECT r.account_id, r.region, named.name, r.opt_in_status, offered.zones, offered.instance_types, r.endpoint
FROM region_access_history AS r
LEFT JOIN named ON named.region = r.region
LEFT JOIN offered ON offered.region = r.region
WHERE valid_at(r.valid_from, r.valid_until, $as_of)
ORDER BY r.account_id, r.opt_in_status = 'not-opted-in', r.region
