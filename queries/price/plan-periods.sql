-- Prices per hour of some instance types under one kind of Savings Plan in a period, each with the
-- time span in which it was the newest one. A span without an end lasts until the instant of the
-- answer.
-- $types texts  instance types joined by commas
-- $plan compute|instance  kind of plan
-- $years int = 1  length of the plan, years
-- $payment no-upfront|partial-upfront|all-upfront = no-upfront  when the plan is paid
-- $regions regions = all  region codes joined by commas, or all
-- $os linux|rhel|rhel-ha|suse|ubuntu-pro|windows = linux  operating system
-- $days int = 90  length of the period before the instant, days
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    instance_type,
    region,
    price_per_hour,
    currency,
    valid_from,
    CASE WHEN valid_until <= $as_of THEN valid_until END AS valid_until,
    observed_at,
    source
FROM savings_plan_history
WHERE list_contains(string_split($types, ','), instance_type)
    AND ($regions = 'all' OR list_contains(string_split($regions, ','), region))
    AND plan = $plan AND lease_years = $years AND payment = $payment
    AND os = $os AND tenancy = 'shared' AND software = 'none' AND licence <> 'byol'
    AND valid_from <= $as_of
    AND (valid_until IS NULL OR valid_until > $as_of - to_days(CAST($days AS INTEGER)))
ORDER BY instance_type, region, valid_from
