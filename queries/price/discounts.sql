-- A customer's own discounts that apply at an instant, or on any day. A null attribute means any
-- value.
-- $in_force now|ever = now  whether the instant is one of the discount's days, or may be any other
-- $as_of timestamp = now  discounts of the newest statement at or before this instant
SELECT
    discount_id,
    account_id,
    service,
    region,
    family,
    os,
    purchase,
    percent,
    price_per_hour,
    currency,
    starts_on,
    ends_on
FROM discount_history
WHERE valid_at(valid_from, valid_until, $as_of)
    AND (
        $in_force = 'ever'
        OR (
            (starts_on IS NULL OR starts_on <= $as_of)
            AND (ends_on IS NULL OR ends_on + INTERVAL 1 DAY > $as_of)
        )
    )
ORDER BY discount_id
