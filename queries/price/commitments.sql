-- The cheapest commitment of each length for every instance type in some regions: a reserved
-- instance or a Savings Plan. Prices are per hour, with upfront payments spread over the term.
-- $regions regions = all  region codes joined by commas, or all
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $years int = 3  length of the longest commitment, years
-- $as_of timestamp = now  use the newest data at or before this instant
WITH listed AS (
    SELECT
        instance_type,
        region,
        term AS purchase,
        lease_years,
        payment,
        price_per_hour,
        currency,
        observed_at
    FROM price_history
    WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
        AND os = $os AND term <> 'on-demand' AND lease_years <= $years
        AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
        AND valid_at(valid_from, valid_until, $as_of)
    UNION ALL
    SELECT
        instance_type,
        region,
        plan || '-savings-plan',
        lease_years,
        payment,
        price_per_hour,
        currency,
        observed_at
    FROM savings_plan_history
    WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
        AND os = $os AND lease_years <= $years AND instance_type IS NOT NULL AND service = 'AmazonEC2'
        AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
        AND valid_at(valid_from, valid_until, $as_of)
)
SELECT instance_type, region, purchase, lease_years, payment, price_per_hour, currency, observed_at
FROM listed
QUALIFY row_number() OVER (
    PARTITION BY instance_type, region, lease_years, currency
    ORDER BY price_per_hour, purchase, payment, observed_at DESC
) = 1
ORDER BY instance_type, region, lease_years, currency
