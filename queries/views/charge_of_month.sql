-- The bill lines of a billing month that were valid at an instant. The month is written as 2026-11,
-- `latest` for the newest month of any account, or `all`. counted_effective_cost is the effective
-- cost that sums count. Usage, a tax or a credit that states none counts as billed. Usage that a
-- commitment covers has its share of the fee as effective cost, so without that it stays unknown,
-- as do fees and refunds. DuckDB puts the body in the place of the call, so filters and columns
-- still reach the Parquet files. In Spark: CREATE FUNCTION
-- charge_of_month(wanted STRING, instant TIMESTAMP) RETURNS TABLE RETURN with the same body.
CREATE MACRO charge_of_month(wanted, instant) AS TABLE
SELECT *,
    coalesce(
        effective_cost,
        CASE
            WHEN charge_category IN ('Usage', 'Tax', 'Credit') AND commitment_discount_status IS NULL
            THEN billed_cost
        END
    ) AS counted_effective_cost
FROM charge_history
WHERE valid_at(valid_from, valid_until, instant)
    AND (wanted = 'all'
        OR (billing_period_start >= billing_month_start(wanted, instant)
            AND billing_period_start < billing_month_start(wanted, instant) + INTERVAL 1 MONTH))
