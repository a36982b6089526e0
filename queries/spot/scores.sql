-- Spot placement scores from 1 to 10, best first. A score applies only to the request, the account
-- and the time of its answer. A row without a zone scores the whole region.
-- $type optional-type = all  acceptable instance type, or all
-- $as_of timestamp = now  use the newest answer to each request at or before this instant
SELECT
    score,
    region,
    az_id,
    instance_types,
    target_capacity,
    single_zone,
    account_id,
    valid_from AS answered_at
FROM placement_score_history
WHERE valid_at(valid_from, valid_until, $as_of)
    AND ($type = 'all' OR list_contains(instance_types, $type))
ORDER BY score DESC, target_capacity DESC, region, az_id, instance_types
