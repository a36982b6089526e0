-- The spot price of one type in every zone at an instant: the newest change at or before it.
-- $type text  instance type
-- $product text = linux  linux, rhel, suse or windows
-- $as_of timestamp = now  the newest change at or before this instant
SELECT region, az_id, arg_max_null(price_per_hour, observed_at) AS price_per_hour, arg_max(currency, observed_at) AS currency,
    max(observed_at) AS observed_at
FROM spot_price
WHERE instance_type = $type AND product = $product AND observed_at <= $as_of
GROUP BY region, az_id
ORDER BY price_per_hour, region, az_id
