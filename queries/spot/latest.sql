-- The spot price per hour of one instance type in every zone: the newest observation at or before
-- an instant. Of several observations at the same instant, a known price precedes an unknown one,
-- and then the highest applies.
-- $type type  instance type
-- $product linux|rhel|suse|windows = linux  operating system
-- $as_of timestamp = now  use the newest observation at or before this instant
WITH observed AS (
    SELECT region, az_id, observed_at, max(price_per_hour) AS price_per_hour, max(currency) AS currency
    FROM spot_price
    WHERE instance_type = $type AND product = $product AND observed_at <= $as_of
    GROUP BY region, az_id, observed_at
)
SELECT
    region,
    az_id,
    arg_max_null(price_per_hour, observed_at) AS price_per_hour,
    arg_max(currency, observed_at) AS currency,
    max(observed_at) AS observed_at
FROM observed
GROUP BY region, az_id
ORDER BY price_per_hour, region, az_id
