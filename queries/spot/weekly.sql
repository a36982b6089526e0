-- Spot prices per hour at the ends of the weeks before an instant, for every zone and every type of
-- the family of one instance type. The price of a week is the last one observed in it.
-- $type type  instance type, for its family
-- $product linux|rhel|suse|windows = linux  operating system
-- $weeks int = 38  number of weeks before the last one
-- $as_of timestamp = now  use the newest observation at or before this instant
WITH observed AS (
    SELECT instance_type, az_id, observed_at, max(price_per_hour) AS price_per_hour, max(currency) AS currency
    FROM spot_price
    WHERE split_part(instance_type, '.', 1) = split_part($type, '.', 1) AND product = $product
        AND observed_at <= $as_of AND observed_at > $as_of - to_days(7 * CAST($weeks AS INTEGER) + 7)
    GROUP BY instance_type, az_id, observed_at
),
dated AS (
    SELECT *, (epoch_us($as_of) - epoch_us(observed_at)) // (7 * 86400000000) AS weeks_before
    FROM observed
)
SELECT
    instance_type,
    az_id,
    weeks_before,
    CAST(arg_max_null(price_per_hour, observed_at) AS DOUBLE) AS price_per_hour,
    arg_max(currency, observed_at) AS currency
FROM dated
GROUP BY instance_type, az_id, weeks_before
ORDER BY instance_type, az_id, weeks_before
