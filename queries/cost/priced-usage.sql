-- Cost, list cost and quantity of each leaf in a span of days, from which the effects of prices and
-- quantities on a change of cost are computed. A leaf is an account, service, region, usage type,
-- unit and category of charges in one currency. A charge counts on the day on which it begins. The
-- list cost and the quantity are null if a line of the leaf does not state them. Usage, taxes and
-- credits without an effective cost count as billed; another line without one makes the effective
-- cost of its leaf null. Currencies are never added.
-- $since timestamp  the first day
-- $until timestamp  the last day
-- $metric billed_cost|effective_cost = billed_cost  cost to add up
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    billing_currency,
    charge_category,
    sub_account_id,
    service_name,
    region_id,
    usage_type,
    pricing_unit,
    CASE
        WHEN $metric = 'billed_cost' THEN sum(billed_cost)
        WHEN sum(counted_lines) = sum(lines) THEN sum(counted_effective_cost)
    END AS cost,
    CASE WHEN sum(listed_lines) = sum(lines) THEN sum(list_cost) END AS list_cost,
    CASE
        WHEN sum(quantity_lines) = sum(lines) THEN CAST(sum(pricing_quantity) AS DECIMAL(38, 9))
    END AS quantity,
    CAST(sum(lines) AS BIGINT) AS lines
FROM charge_sum_of_month('all', $as_of)
WHERE charge_period_start >= CAST($since AS DATE)
    AND charge_period_start < CAST($until AS DATE) + INTERVAL 1 DAY
GROUP BY ALL
ORDER BY
    billing_currency, sub_account_id, service_name, region_id, usage_type, pricing_unit, charge_category
