-- On-demand prices per hour of all instance types in the given regions.
-- $regions regions = all  region codes joined by commas, or all
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT instance_type, region, price_per_hour, currency, observed_at, source, basis
FROM price_history
WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region))
    AND os = $os AND term = 'on-demand' AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
    AND valid_at(valid_from, valid_until, $as_of)
