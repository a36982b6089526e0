-- Free instances of one type in each account's own capacity reservations and blocks, by region. The
-- account is the one that can use them.
-- $type type  instance type
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    account_id,
    region,
    CAST(sum(available) AS BIGINT) AS free_instances,
    min(valid_from) AS observed_at
FROM capacity_history
WHERE instance_type = $type
    AND valid_at(valid_from, valid_until, $as_of)
    AND state = 'active' AND available > 0
    AND (starts_at IS NULL OR starts_at <= $as_of)
    AND (ends_at IS NULL OR ends_at > $as_of)
GROUP BY account_id, region
ORDER BY account_id, region
