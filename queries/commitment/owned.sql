-- The reservations and Savings Plans of the bills, with the start and end that their fee states and
-- the part of their cost that no usage covered between two days. The end is null if the bills do
-- not state it: FOCUS has no column for it. Currencies are never added.
-- $since timestamp = 2000-01-01  the first day of unused cost
-- $until timestamp = now  the last day
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    commitment_discount_id,
    max(commitment_discount_type) AS commitment_discount_type,
    split_part(bill, '/', 1) AS payer,
    billing_currency,
    max(region_id) AS region_id,
    min(try_cast(coalesce(
        extra ->> '$."reservation_start_time"', extra ->> '$."reservation/StartTime"',
        extra ->> '$."savings_plan_start_time"', extra ->> '$."savingsPlan/StartTime"'
    ) AS TIMESTAMP)) AS starts_at,
    max(try_cast(coalesce(
        extra ->> '$."reservation_end_time"', extra ->> '$."reservation/EndTime"',
        extra ->> '$."savings_plan_end_time"', extra ->> '$."savingsPlan/EndTime"'
    ) AS TIMESTAMP)) AS ends_at,
    max(charge_period_start) AS last_seen_at,
    sum(effective_cost) FILTER (
        (commitment_discount_status = 'Unused' OR charge_category = 'Purchase')
            AND charge_period_start >= CAST($since AS DATE)
            AND charge_period_start < CAST($until AS DATE) + INTERVAL 1 DAY
    ) AS unused_cost
FROM charge_of_month('all', $as_of)
WHERE commitment_discount_id IS NOT NULL
    AND charge_period_start < CAST($until AS DATE) + INTERVAL 1 DAY
    AND (commitment_discount_status = 'Unused'
        OR (charge_category = 'Purchase' AND charge_frequency = 'Recurring'))
GROUP BY commitment_discount_id, split_part(bill, '/', 1), billing_currency
ORDER BY ends_at, commitment_discount_id, payer, billing_currency
