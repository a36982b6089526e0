-- On-demand usage that a Savings Plan could cover, by usage type, operation and region, with its
-- price under the plan: null without a rate, which leaves the usage out of commitment/hours.
-- known_rates is the number of rates of that plan in the lake. Currencies are never added.
-- $plan compute|instance = compute  type of the plan
-- $years int = 1  length of the plan, years: 1 or 3
-- $payment no-upfront|partial-upfront|all-upfront = no-upfront  payment option of the plan
-- $since timestamp = 2000-01-01  the first day
-- $until timestamp = now  the last day
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    payer,
    billing_currency,
    region_id,
    usage_type,
    operation,
    plan_price,
    sum(cost) AS cost,
    CASE WHEN count(quantity) = count(*) THEN CAST(sum(quantity) AS DECIMAL(38, 9)) END AS quantity,
    CAST(sum(lines) AS BIGINT) AS lines,
    known_rates
FROM charge_of_plan($plan, $years, $payment, $since, $until, $as_of)
GROUP BY ALL
ORDER BY payer, billing_currency, cost DESC, region_id, usage_type, operation
