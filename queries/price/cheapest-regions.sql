-- On-demand price of each instance type in a home region, beside the cheapest regions with the same
-- currency. Prices are per hour.
-- $home region = us-east-1  region code of the home region
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $as_of timestamp = now  use the newest data at or before this instant
WITH priced AS (
    SELECT instance_type, region, price_per_hour, currency, observed_at
    FROM price_history
    WHERE os = $os AND term = 'on-demand' AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
        AND valid_at(valid_from, valid_until, $as_of)
),
best AS (
    SELECT instance_type, currency, min(price_per_hour) AS price_per_hour
    FROM priced
    GROUP BY instance_type, currency
)
SELECT
    home.instance_type,
    home.price_per_hour AS home_price,
    best.price_per_hour AS best_price,
    home.currency,
    round(100.0 * (1 - CAST(best.price_per_hour AS DOUBLE) / CAST(home.price_per_hour AS DOUBLE)), 1) AS saving_percent,
    (SELECT list(p.region ORDER BY p.region) FROM priced AS p
     WHERE p.instance_type = home.instance_type AND p.currency = home.currency
        AND p.price_per_hour = best.price_per_hour) AS best_regions,
    home.observed_at AS home_observed_at
FROM priced AS home
JOIN best ON best.instance_type = home.instance_type AND best.currency = home.currency
WHERE home.region = $home
ORDER BY saving_percent DESC, home.instance_type
