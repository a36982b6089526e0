-- On-demand prices per hour of one instance type in every region that has one, cheapest first
-- within a currency.
-- $type type  instance type
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT region, price_per_hour, currency, observed_at, source, basis
FROM price_history
WHERE instance_type = $type AND os = $os AND term = 'on-demand' AND tenancy = 'shared'
    AND software = 'none' AND licence <> 'byol'
    AND valid_at(valid_from, valid_until, $as_of)
ORDER BY currency, price_per_hour, region
