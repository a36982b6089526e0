-- Costs of each value of a tag in a billing month, highest first within a currency; null stands for
-- lines without the tag, (unreadable) for lines with unreadable tags. The columns for credits,
-- refunds, taxes and other categories add up to billed_cost. effective_cost spreads fees over the
-- usage that they cover. Usage, taxes and credits that state none count as billed; another line
-- that states none makes the sum null. Currencies are never added.
-- $tag tag  tag key, such as Name; also finds the spellings of reports, user:Name and user_name
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
WITH part AS (
    SELECT
        billing_currency,
        tag_value,
        charge_category,
        sum(billed_cost) AS billed_cost,
        sum(counted_effective_cost) AS effective_cost,
        sum(counted_lines) AS counted_lines,
        sum(stated_lines) AS stated_lines,
        sum(lines) AS lines
    FROM charge_total_of_tag($month, $as_of, $tag)
    GROUP BY ALL
)
SELECT
    billing_currency,
    tag_value,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Usage'), 0) AS usage,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Purchase'), 0) AS purchases,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Credit'), 0) AS credits,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Adjustment'), 0) AS adjustments,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Tax'), 0) AS taxes,
    coalesce(sum(billed_cost) FILTER (charge_category IS NULL), 0) AS unsaid,
    sum(billed_cost) AS billed_cost,
    CASE WHEN sum(counted_lines) = sum(lines) THEN sum(effective_cost) END AS effective_cost,
    CAST(sum(lines) AS BIGINT) AS lines,
    CAST(sum(lines - stated_lines) AS BIGINT) AS lines_without_effective_cost
FROM part
GROUP BY billing_currency, tag_value
ORDER BY billing_currency, billed_cost DESC, tag_value
