-- Every way to pay for one instance type: on demand, reserved, Savings Plans, and the newest spot
-- price of each zone that offers it. Prices are per hour, with upfront payments spread over the
-- term. A quarantined on-demand price stands beside the price that is valid instead, if there is
-- one. `band` is the interruption rate of the spot advisor, from 0 (lowest) to 4.
-- $type type  instance type
-- $regions regions = all  region codes joined by commas, or all
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $tenancy shared|dedicated|host = shared  tenancy; spot has shared tenancy only
-- $as_of timestamp = now  use the newest data at or before this instant
WITH listed AS (
    SELECT
        region,
        purchase,
        offering_class,
        lease_years,
        payment,
        price_per_hour,
        upfront_price,
        currency,
        observed_at,
        source
    FROM price_of_type($type, $os, $tenancy)
    WHERE valid_at(valid_from, valid_until, $as_of)
),
quarantined AS (
    SELECT region, currency, price_per_hour, observed_at, source
    FROM price_held
    WHERE instance_type = $type AND os = $os AND tenancy = $tenancy AND software = 'none' AND licence <> 'byol'
        AND valid_at(valid_from, valid_until, $as_of)
),
published AS (
    SELECT listed.*, quarantined.price_per_hour AS quarantined_price_per_hour
    FROM listed
    LEFT JOIN quarantined
        ON listed.purchase = 'on-demand'
        AND quarantined.region = listed.region
        AND quarantined.currency = listed.currency
    UNION ALL
    SELECT region, 'on-demand', NULL, NULL, NULL, NULL, NULL, currency, observed_at, source, price_per_hour
    FROM quarantined
    WHERE NOT EXISTS (
        SELECT 1 FROM listed
        WHERE listed.purchase = 'on-demand'
            AND listed.region = quarantined.region
            AND listed.currency = quarantined.currency
    )
),
-- Of several observations at the same instant, a known price precedes an unknown one, and then the
-- highest applies, as in spot/latest.
observed AS (
    SELECT
        region,
        az_id,
        observed_at,
        max(price_per_hour) AS price_per_hour,
        max(currency) AS currency,
        max(run_id) AS run_id
    FROM spot_price
    WHERE instance_type = $type AND product = $os AND $tenancy = 'shared' AND observed_at <= $as_of
    GROUP BY region, az_id, observed_at
),
newest AS (
    SELECT
        region,
        az_id,
        arg_max_null(price_per_hour, observed_at) AS price_per_hour,
        arg_max(currency, observed_at) AS currency,
        arg_max(run_id, observed_at) AS run_id,
        max(observed_at) AS observed_at
    FROM observed
    GROUP BY region, az_id
),
offered AS (
    SELECT DISTINCT region, az_id
    FROM offering_history
    WHERE instance_type = $type AND valid_at(valid_from, valid_until, $as_of)
),
-- Regions with completely known offerings.
known AS (
    SELECT DISTINCT scope AS region
    FROM collection_run
    WHERE dataset = 'offering' AND outcome IN ('complete', 'empty', 'unchanged') AND observed_at <= $as_of
),
banded AS (
    SELECT region, band
    FROM interruption_history
    WHERE instance_type = $type AND os = $os AND valid_at(valid_from, valid_until, $as_of)
),
sourced AS (
    SELECT DISTINCT run_id, scope, source FROM collection_run WHERE dataset = 'spot_price'
),
spot AS (
    SELECT newest.*, banded.band, sourced.source
    FROM newest
    LEFT JOIN banded ON banded.region = newest.region
    LEFT JOIN sourced ON sourced.run_id = newest.run_id AND sourced.scope = newest.region
    WHERE newest.region NOT IN (SELECT region FROM known)
        OR EXISTS (
            SELECT 1 FROM offered
            WHERE offered.region = newest.region AND (offered.az_id = newest.az_id OR offered.az_id IS NULL)
        )
)
SELECT
    region,
    CAST(NULL AS VARCHAR) AS az_id,
    purchase,
    offering_class,
    lease_years,
    payment,
    price_per_hour,
    upfront_price,
    currency,
    quarantined_price_per_hour,
    CAST(NULL AS BIGINT) AS band,
    observed_at,
    source
FROM published
WHERE $regions = 'all' OR list_contains(string_split($regions, ','), region)
UNION ALL
SELECT region, az_id, 'spot', NULL, NULL, NULL, price_per_hour, NULL, currency, NULL, band, observed_at, source
FROM spot
WHERE $regions = 'all' OR list_contains(string_split($regions, ','), region)
ORDER BY region, currency, price_per_hour, purchase, lease_years, payment, offering_class, az_id
