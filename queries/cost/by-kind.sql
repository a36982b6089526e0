-- Parts of a month's bill: usage, upfront and recurring fees, credits, refunds, discounts and
-- taxes, by FOCUS category, class and frequency and by the line item type of CUR. Usage, taxes and
-- credits without an effective cost count as billed; another line without one makes the sum null.
-- Currencies are never added.
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    billing_currency,
    charge_category,
    charge_class,
    charge_frequency,
    line_item_type,
    sum(billed_cost) AS billed_cost,
    CASE WHEN sum(counted_lines) = sum(lines) THEN sum(counted_effective_cost) END AS effective_cost,
    CASE WHEN sum(listed_lines) = sum(lines) THEN sum(list_cost) END AS list_cost,
    CAST(sum(lines) AS BIGINT) AS lines,
    CAST(sum(lines - stated_lines) AS BIGINT) AS lines_without_effective_cost
FROM charge_sum_of_month($month, $as_of)
GROUP BY billing_currency, charge_category, charge_class, charge_frequency, line_item_type
ORDER BY billing_currency, billed_cost DESC, charge_category, line_item_type
