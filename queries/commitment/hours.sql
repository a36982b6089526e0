-- Hourly on-demand usage that a Savings Plan could cover, with its price under the plan. A Compute
-- plan covers all usage of a payer; an instance plan that of one family in one region, which are
-- null otherwise. `hours` is the length of the charge period: 24 in a daily bill. Usage without a
-- rate of the plan is left out (commitment/usage lists it). plan_price is per unit of the quantity.
-- Currencies are never added.
-- $plan compute|instance = compute  type of the plan
-- $years int = 1  length of the plan, years: 1 or 3
-- $payment no-upfront|partial-upfront|all-upfront = no-upfront  payment option of the plan
-- $since timestamp = 2000-01-01  the first day
-- $until timestamp = now  the last day
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    payer,
    billing_currency,
    CASE $plan WHEN 'instance' THEN region_id END AS region_id,
    CASE $plan WHEN 'instance' THEN family END AS family,
    starts_at,
    hours,
    cost,
    plan_price,
    quantity
FROM charge_of_plan($plan, $years, $payment, $since, $until, $as_of)
WHERE plan_price IS NOT NULL AND quantity IS NOT NULL
ORDER BY payer, billing_currency, 3, 4, starts_at, hours, plan_price, cost, quantity
