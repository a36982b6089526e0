-- Spot interruption rates of one instance type in every statement of AWS's spot advisor, oldest
-- first.
-- $type type  instance type
-- $os linux|windows = linux  operating system
-- $as_of timestamp = now  use the statements at or before this instant
SELECT region, observed_at, band, band_label, saving_percent
FROM interruption_history
WHERE instance_type = $type AND os = $os AND valid_from <= $as_of
ORDER BY region, observed_at
