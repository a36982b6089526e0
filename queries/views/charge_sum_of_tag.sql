-- The rows of charge_sum_of_month with the value of one tag, as in charge_of_tag. For one question
-- the warehouse puts a macro of the same name before this one (build/bill_sums.sql).
CREATE MACRO charge_sum_of_tag(wanted, instant, asked) AS TABLE
SELECT *,
    CAST(1 AS BIGINT) AS lines,
    CAST(counted_effective_cost IS NOT NULL AS BIGINT) AS counted_lines,
    CAST(effective_cost IS NOT NULL AS BIGINT) AS stated_lines,
    CAST(list_cost IS NOT NULL AS BIGINT) AS listed_lines,
    CAST(pricing_quantity IS NOT NULL AS BIGINT) AS quantity_lines,
    charge_period_start AS newest_start
FROM charge_of_tag(wanted, instant, asked)
