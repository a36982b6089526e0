-- Every way to pay for an instance type in a region, cheapest first within a currency. Prices are
-- per hour, with upfront payments spread over the lease.
-- $type type  instance type
-- $region region = us-east-1  region code
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $tenancy shared|dedicated|host = shared  tenancy
-- $as_of timestamp = now  use the newest data at or before this instant
WITH listed AS (
    SELECT
        purchase AS term,
        lease_years,
        payment,
        offering_class,
        price_per_hour,
        upfront_price,
        currency,
        observed_at,
        source
    FROM price_of_type($type, $os, $tenancy)
    WHERE region = $region AND valid_at(valid_from, valid_until, $as_of)
)
SELECT
    listed.*,
    round(100.0 * (1 - CAST(listed.price_per_hour AS DOUBLE) / CAST(on_demand.price_per_hour AS DOUBLE)), 1)
        AS saving_percent
FROM listed
LEFT JOIN listed AS on_demand ON on_demand.term = 'on-demand' AND on_demand.currency = listed.currency
ORDER BY listed.currency, listed.price_per_hour, listed.term, listed.lease_years, listed.payment
