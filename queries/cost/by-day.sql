-- Costs of each day in a billing month. A charge counts on the day on which it begins, so a month's
-- fees and taxes are on its first day. The columns for credits, refunds, taxes and other categories
-- add up to billed_cost. effective_cost spreads fees over the usage that they cover. Usage, taxes
-- and credits that state none count as billed; another line that states none makes the sum null. A
-- day is estimated if AWS reports that its costs may still change. Currencies are never added.
-- $service text = all  service name, or all
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
WITH part AS (
    SELECT
        billing_currency,
        CAST(charge_period_start AS DATE) AS day,
        charge_category,
        sum(billed_cost) AS billed_cost,
        sum(counted_effective_cost) AS effective_cost,
        sum(counted_lines) AS counted_lines,
        sum(stated_lines) AS stated_lines,
        sum(lines) AS lines,
        bool_or(estimated) AS estimated
    FROM charge_sum_of_month($month, $as_of)
    WHERE $service = 'all' OR service_name = $service
    GROUP BY ALL
)
SELECT
    billing_currency,
    day,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Usage'), 0) AS usage,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Purchase'), 0) AS purchases,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Credit'), 0) AS credits,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Adjustment'), 0) AS adjustments,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Tax'), 0) AS taxes,
    coalesce(sum(billed_cost) FILTER (charge_category IS NULL), 0) AS unsaid,
    sum(billed_cost) AS billed_cost,
    CASE WHEN sum(counted_lines) = sum(lines) THEN sum(effective_cost) END AS effective_cost,
    CAST(sum(lines) AS BIGINT) AS lines,
    CAST(sum(lines - stated_lines) AS BIGINT) AS lines_without_effective_cost,
    coalesce(bool_or(estimated), false) AS estimated
FROM part
GROUP BY billing_currency, day
ORDER BY billing_currency, day
