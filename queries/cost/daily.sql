-- Costs of each day by payer, currency, category and frequency of the charges, and by the wanted
-- dimensions. The other dimensions are null. A tag is one more dimension: tag_value is null in
-- lines without it, and (unreadable) in lines with unreadable tags. A charge counts on the day on
-- which it begins, or on the nearest day of its billing month. Usage, taxes and credits without an
-- effective cost count as billed; another line without one makes the effective cost of its row
-- null. A day without a row is 0 where a statement covers it (cost/statements), and otherwise
-- unknown. Currencies are never added.
-- $by texts:sub_account_id|service_name|region_id|usage_type|resource_id|none = none  columns
-- $tag tag = none  tag key, such as Name; also finds the spellings of reports
-- $metric billed_cost|effective_cost = billed_cost  cost to add up
-- $month month = all  billing month such as 2026-11, latest, or all
-- $through timestamp = now  the last day
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    charge_day(charge_period_start, billing_period_start) AS day,
    split_part(bill, '/', 1) AS payer,
    billing_currency,
    charge_category,
    charge_frequency,
    CASE WHEN list_contains(string_split($by, ','), 'sub_account_id') THEN sub_account_id END AS sub_account_id,
    CASE WHEN list_contains(string_split($by, ','), 'service_name') THEN service_name END AS service_name,
    CASE WHEN list_contains(string_split($by, ','), 'region_id') THEN region_id END AS region_id,
    CASE WHEN list_contains(string_split($by, ','), 'usage_type') THEN usage_type END AS usage_type,
    CASE WHEN list_contains(string_split($by, ','), 'resource_id') THEN resource_id END AS resource_id,
    CASE WHEN $tag <> 'none' THEN tag_value END AS tag_value,
    CASE
        WHEN $metric = 'billed_cost' THEN sum(billed_cost)
        WHEN sum(counted_lines) = sum(lines) THEN sum(counted_effective_cost)
    END AS cost,
    CAST(sum(lines) AS BIGINT) AS lines
FROM charge_sum_of_tag($month, $as_of, $tag)
WHERE CAST(charge_period_start AS DATE) <= CAST($through AS DATE)
GROUP BY ALL
ORDER BY
    payer, billing_currency, sub_account_id, service_name, region_id, usage_type, resource_id, tag_value,
    charge_category, charge_frequency, day
