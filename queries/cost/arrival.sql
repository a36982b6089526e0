-- Usage that replaced statements of a month had of their newest days, beside the usage that is
-- known of these days now. days_before counts from the newest day of the replaced statement, which
-- is 0. The figures show how late the charges of a day arrive.
-- $since timestamp = 2000-01-01  the first day
-- $as_of timestamp = now  use the newest data at or before this instant
WITH usage AS (
    SELECT
        run_id,
        bill,
        billing_currency,
        CAST(charge_period_start AS DATE) AS day,
        bool_or(valid_at(valid_from, valid_until, $as_of)) AS is_valid,
        any_value(valid_from) AS observed_at,
        sum(billed_cost) AS cost
    FROM charge_history
    WHERE valid_from <= $as_of
        AND charge_period_start >= $since
        AND coalesce(charge_category, 'Usage') = 'Usage'
        AND regexp_matches(bill, '/[0-9]{4}-[0-9]{2}$')
    GROUP BY run_id, bill, billing_currency, day
),
replaced AS (
    SELECT *, date_diff('day', day, max(day) OVER (PARTITION BY run_id, bill)) AS days_before
    FROM usage
    WHERE NOT is_valid
        AND CAST(observed_at AS DATE) < CAST(split_part(bill, '/', 2) || '-01' AS DATE) + INTERVAL 1 MONTH
)
SELECT
    split_part(replaced.bill, '/', 1) AS payer,
    replaced.billing_currency,
    replaced.observed_at,
    replaced.day,
    replaced.days_before,
    replaced.cost AS known_cost,
    usage.cost AS present_cost
FROM replaced
JOIN usage
    ON usage.is_valid
    AND usage.bill = replaced.bill
    AND usage.billing_currency = replaced.billing_currency
    AND usage.day = replaced.day
WHERE replaced.days_before <= 3
ORDER BY observed_at, payer, billing_currency, day
