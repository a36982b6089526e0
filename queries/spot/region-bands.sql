-- Spot interruption rates of every instance type in some regions, from the newest statement of
-- AWS's spot advisor.
-- $regions regions  region codes joined by commas, or all
-- $os linux|windows = linux  operating system
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT instance_type, region, band, band_label, observed_at
FROM interruption_history
WHERE ($regions = 'all' OR list_contains(string_split($regions, ','), region)) AND os = $os
    AND valid_at(valid_from, valid_until, $as_of)
ORDER BY instance_type, region
