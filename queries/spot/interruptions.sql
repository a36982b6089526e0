-- Spot interruption rates of one instance type in each region, lowest first, from AWS's spot
-- advisor.
-- $type type  instance type
-- $os linux|windows = linux  operating system
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT region, band, band_label, saving_percent, observed_at
FROM interruption_history
WHERE instance_type = $type AND os = $os
    AND valid_at(valid_from, valid_until, $as_of)
ORDER BY band, saving_percent DESC, region
