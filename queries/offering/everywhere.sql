-- Instance types that all of the given regions offer.
-- $regions regions  region codes joined by commas
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT instance_type
FROM offering_history
WHERE list_contains(string_split($regions, ','), region)
    AND valid_at(valid_from, valid_until, $as_of)
GROUP BY instance_type
HAVING count(DISTINCT region) = len(list_distinct(string_split($regions, ',')))
ORDER BY instance_type
