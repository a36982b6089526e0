-- Costs of each day by leaf: the smallest parts that are forecast and searched for anomalies. A
-- leaf is an account, service, region, usage type, category and frequency of charges in one
-- currency. A charge counts on the day on which it begins, or on the nearest day of its billing
-- month. Usage, taxes and credits without an effective cost count as billed; another line without
-- one makes the effective cost of its leaf and day null. A day without a row is 0 where a
-- statement covers it (cost/statements), and otherwise unknown.
-- $metric billed_cost|effective_cost = billed_cost  cost to add up
-- $month month = all  billing month such as 2026-11, latest, or all
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
    usage_type,
    CAST(NULL AS VARCHAR) AS resource_id,
    CAST(NULL AS VARCHAR) AS tag_value,
    CASE
        WHEN $metric = 'billed_cost' THEN sum(billed_cost)
        WHEN sum(counted_lines) = sum(lines) THEN sum(counted_effective_cost)
    END AS cost,
    CAST(sum(lines) AS BIGINT) AS lines
FROM charge_sum_of_month($month, $as_of)
GROUP BY ALL
ORDER BY
    payer, billing_currency, sub_account_id, service_name, region_id, usage_type, charge_category,
    charge_frequency, day
