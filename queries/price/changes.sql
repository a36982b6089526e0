-- Published prices of one instance type, one row per price and way to pay, with the first and the
-- last statement of it and the price before it. A price that is stated again has no row of its own.
-- Quarantined prices are left out. Prices are per hour, with upfront payments spread over the term.
-- $type type  instance type
-- $regions regions = all  region codes joined by commas, or all
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $tenancy shared|dedicated|host = shared  tenancy
-- $as_of timestamp = now  use statements at or before this instant
WITH stated AS (
    SELECT * FROM price_of_type($type, $os, $tenancy) WHERE valid_from <= $as_of
),
compared AS (
    SELECT *, lag(price_per_hour) OVER series AS price_before
    FROM stated
    WHERE $regions = 'all' OR list_contains(string_split($regions, ','), region)
    WINDOW series AS (
        PARTITION BY region, purchase, offering_class, lease_years, payment, currency
        ORDER BY valid_from, observed_at, run_id
    )
),
numbered AS (
    SELECT
        *,
        sum(CASE WHEN price_per_hour IS NOT DISTINCT FROM price_before THEN 0 ELSE 1 END) OVER (
            PARTITION BY region, purchase, offering_class, lease_years, payment, currency
            ORDER BY valid_from, observed_at, run_id
        ) AS number
    FROM compared
),
priced AS (
    SELECT
        dataset,
        region,
        purchase,
        offering_class,
        lease_years,
        payment,
        currency,
        arg_min_null(price_before, (valid_from, observed_at, run_id)) AS old_price_per_hour,
        any_value(price_per_hour) AS new_price_per_hour,
        min(observed_at) AS first_observed_at,
        max(observed_at) AS last_observed_at,
        CASE WHEN count(*) = count(valid_until) THEN max(valid_until) END AS valid_until,
        arg_min(source, (valid_from, observed_at, run_id)) AS source
    FROM numbered
    GROUP BY dataset, region, purchase, offering_class, lease_years, payment, currency, number
),
-- A run that found nothing new states every price again, and stores no rows.
repeated AS (
    SELECT dataset, scope, observed_at
    FROM collection_run
    WHERE dataset IN ('price', 'savings_plan') AND outcome = 'unchanged' AND observed_at <= $as_of
)
SELECT
    priced.region,
    priced.purchase,
    priced.offering_class,
    priced.lease_years,
    priced.payment,
    priced.currency,
    priced.old_price_per_hour,
    priced.new_price_per_hour,
    priced.first_observed_at,
    greatest(max(priced.last_observed_at), max(repeated.observed_at)) AS last_observed_at,
    priced.source
FROM priced
LEFT JOIN repeated
    ON repeated.dataset = priced.dataset
    AND repeated.scope = priced.region
    AND repeated.observed_at > priced.last_observed_at
    AND (priced.valid_until IS NULL OR repeated.observed_at < priced.valid_until)
GROUP BY ALL
ORDER BY region, currency, purchase, lease_years, payment, offering_class, first_observed_at
