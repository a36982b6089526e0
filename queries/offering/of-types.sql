-- Where some instance types are offered, zone by zone. A row without an instance type names a
-- region whose offerings were collected.
-- $types texts  instance types joined by commas
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT instance_type, region, az_id
FROM offering_history
WHERE list_contains(string_split($types, ','), instance_type)
    AND valid_at(valid_from, valid_until, $as_of)
UNION ALL
SELECT DISTINCT NULL, region, NULL
FROM offering_history
WHERE valid_at(valid_from, valid_until, $as_of)
ORDER BY instance_type, region, az_id
