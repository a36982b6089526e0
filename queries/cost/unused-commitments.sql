-- The unused part of each commitment on each day: the effective cost of lines with the status
-- Unused, and of recurring fees, of which only the part that no usage covered is an effective cost.
-- Fees of a whole month are left out, because they state no day. resource_id is the id of the
-- reservation or Savings Plan. A day without a row is 0 where a statement covers it
-- (cost/statements), and otherwise unknown. Currencies are never added.
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    charge_day(charge_period_start, billing_period_start) AS day,
    split_part(bill, '/', 1) AS payer,
    billing_currency,
    charge_category,
    charge_frequency,
    sub_account_id,
    service_name,
    region_id,
    CAST(NULL AS VARCHAR) AS usage_type,
    commitment_discount_id AS resource_id,
    CAST(NULL AS VARCHAR) AS tag_value,
    sum(effective_cost) AS cost,
    count(*) AS lines
FROM charge_of_month('all', $as_of)
WHERE effective_cost IS NOT NULL
    AND (commitment_discount_status = 'Unused'
        OR (charge_category = 'Purchase' AND charge_frequency = 'Recurring'))
    AND charge_period_end <= charge_period_start + INTERVAL 1 DAY
GROUP BY ALL
ORDER BY
    payer, billing_currency, sub_account_id, service_name, region_id, resource_id, charge_category,
    charge_frequency, day
