-- The published prices of an instance type, on demand, reserved and under Savings Plans, each with
-- the time span in which it was the newest statement. Prices with other software or with an own
-- licence are left out. DuckDB puts the body in the place of the call, so filters still reach the
-- tables. In Spark: CREATE FUNCTION price_of_type(wanted_type STRING, wanted_os STRING,
-- wanted_tenancy STRING) RETURNS TABLE RETURN with the same body.
CREATE MACRO price_of_type(wanted_type, wanted_os, wanted_tenancy) AS TABLE
SELECT
    'price' AS dataset,
    region,
    term AS purchase,
    offering_class,
    lease_years,
    payment,
    price_per_hour,
    upfront_price,
    currency,
    observed_at,
    source,
    valid_from,
    valid_until,
    run_id
FROM price_history
WHERE instance_type = wanted_type AND os = wanted_os AND tenancy = wanted_tenancy
    AND software = 'none' AND licence <> 'byol'
UNION ALL
SELECT
    'savings_plan',
    region,
    plan || '-savings-plan',
    NULL,
    lease_years,
    payment,
    price_per_hour,
    NULL,
    currency,
    observed_at,
    source,
    valid_from,
    valid_until,
    run_id
FROM savings_plan_history
WHERE instance_type = wanted_type AND os = wanted_os AND tenancy = wanted_tenancy
    AND software = 'none' AND licence <> 'byol'
