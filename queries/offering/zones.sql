-- Instance types offered in the given regions, zone by zone.
-- $regions regions = all  region codes joined by commas, or all
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT instance_type, region, az_id
FROM offering_history
WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
    AND valid_at(valid_from, valid_until, $as_of)
