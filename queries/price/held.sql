-- Quarantined on-demand prices per hour, each with the median that it was compared with. No answer
-- uses them until a user accepts them.
-- $as_of timestamp = now  prices that a price list gave at this instant
SELECT
    held_id,
    instance_type,
    region,
    os,
    tenancy,
    licence,
    software,
    price_per_hour,
    currency,
    median_price,
    reason,
    observed_at,
    source,
    run_id
FROM price_held
WHERE valid_at(valid_from, valid_until, $as_of)
ORDER BY instance_type, region, os, tenancy
