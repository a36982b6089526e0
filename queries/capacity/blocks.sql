-- Capacity blocks offered for sale, cheapest first by price per instance hour within a currency.
-- Each is the answer to one request. Blocks that have started are not listed. Currencies are never
-- added.
-- $type optional-type = all  instance type, or all
-- $as_of timestamp = now  use the newest answer to each request at or before this instant
SELECT
    instance_type,
    region,
    az_id,
    instance_count,
    duration_hours,
    starts_at,
    ends_at,
    upfront_price,
    upfront_price / (instance_count * duration_hours) AS price_per_instance_hour,
    currency,
    offering_id,
    account_id,
    valid_from AS answered_at
FROM capacity_block_history
WHERE valid_at(valid_from, valid_until, $as_of)
    AND starts_at > $as_of
    AND ($type = 'all' OR instance_type = $type)
ORDER BY currency, price_per_instance_hour, starts_at, offering_id
