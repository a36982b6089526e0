-- The bill lines of charge_of_month, with the numbers that a question about sums adds up. For one
-- question the warehouse puts a macro of the name charge_sum_of_month before this one, which reads
-- daily sums where a file of lines has them (build/bill_sums.sql). Then a row has the lines of one
-- day that agree in their tags and in bill, billing_currency, billing_account_id, sub_account_id,
-- charge_category, service_name, region_id, usage_type, charge_class, charge_frequency,
-- line_item_type and pricing_unit; charge_period_start is the start of that day, billed_cost,
-- counted_effective_cost, list_cost and pricing_quantity are sums, and sub_account_name and
-- estimated are the largest values.
CREATE MACRO charge_line_of_month(wanted, instant) AS TABLE
SELECT *,
    CAST(1 AS BIGINT) AS lines,
    CAST(counted_effective_cost IS NOT NULL AS BIGINT) AS counted_lines,
    CAST(effective_cost IS NOT NULL AS BIGINT) AS stated_lines,
    CAST(list_cost IS NOT NULL AS BIGINT) AS listed_lines,
    CAST(pricing_quantity IS NOT NULL AS BIGINT) AS quantity_lines,
    charge_period_start AS newest_start
FROM charge_of_month(wanted, instant);

CREATE MACRO charge_sum_of_month(wanted, instant) AS TABLE SELECT * FROM charge_line_of_month(wanted, instant)
