-- Costs of each account in a billing month, highest first within a currency, with credits, refunds
-- and taxes in separate columns. These columns add up to billed_cost. effective_cost spreads fees
-- over the usage that they cover; it is null if a line does not state it. Currencies are never
-- added.
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    billing_currency,
    billing_account_id,
    sub_account_id,
    any_value(sub_account_name) AS sub_account_name,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Usage'), 0) AS usage,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Purchase'), 0) AS purchases,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Credit'), 0) AS credits,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Adjustment'), 0) AS adjustments,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Tax'), 0) AS taxes,
    coalesce(sum(billed_cost) FILTER (charge_category IS NULL), 0) AS unsaid,
    sum(billed_cost) AS billed_cost,
    CASE WHEN count(effective_cost) = count(*) THEN sum(effective_cost) END AS effective_cost,
    count(*) AS lines
FROM charge_of_month($month, $as_of)
GROUP BY billing_currency, billing_account_id, sub_account_id
ORDER BY billing_currency, billed_cost DESC, billing_account_id, sub_account_id
