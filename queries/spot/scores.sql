-- How likely spot requests would succeed, best first: each score answers the request beside it and no other, was given
-- to that account, and was true when it was answered. A region without a zone is scored as a whole.
-- $type text = all  an instance type that would do, or all
-- $as_of timestamp = now  the newest answer to each request at or before this instant
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
WHERE valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
    AND ($type = 'all' OR list_contains(instance_types, $type))
ORDER BY score DESC, target_capacity DESC, region, az_id, instance_types
