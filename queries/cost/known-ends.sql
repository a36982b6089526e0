-- Running instances of spawn that end at a known time (the tag spawn:expiry), with their mean cost
-- a day in the bills between two days. A forecast leaves these costs out after the end.
-- $metric billed_cost|effective_cost = billed_cost  cost to add up
-- $since timestamp = 2000-01-01  the first day
-- $until timestamp = now  the last day; instances that end on it or before are left out
-- $as_of timestamp = now  use the newest data at or before this instant
WITH ending AS (
    SELECT instance_id, any_value(name) AS name, min(expires_at) AS expires_at
    FROM (
        SELECT
            instance_id,
            name,
            try_cast(regexp_extract(
                CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END ->> '$."spawn:expiry"',
                '^v1;running;until=([^;]+);', 1
            ) AS TIMESTAMP) AS expires_at
        FROM instance_history
        WHERE valid_at(valid_from, valid_until, $as_of) AND state IN ('pending', 'running')
    )
    WHERE CAST(expires_at AS DATE) > CAST($until AS DATE)
    GROUP BY instance_id
)
SELECT
    ending.instance_id,
    any_value(ending.name) AS name,
    any_value(ending.expires_at) AS expires_at,
    split_part(bill, '/', 1) AS payer,
    billing_currency,
    charge_category,
    sub_account_id,
    service_name,
    region_id,
    usage_type,
    resource_id,
    CAST(sum(CASE $metric WHEN 'billed_cost' THEN billed_cost ELSE counted_effective_cost END) AS DOUBLE)
        / (date_diff('day', CAST($since AS DATE), CAST($until AS DATE)) + 1) AS cost_per_day
FROM charge_of_month('all', $as_of) AS charge
JOIN ending ON split_part(charge.resource_id, '/', -1) = ending.instance_id
WHERE charge_period_start >= CAST($since AS DATE)
    AND charge_period_start < CAST($until AS DATE) + INTERVAL 1 DAY
    AND charge_category = 'Usage'
GROUP BY ALL
ORDER BY expires_at, ending.instance_id, usage_type
