-- What a question about the values of one tag adds up, without days and services, as in
-- charge_sum_of_tag. For one question the warehouse puts a macro of the same name before this one
-- (build/bill_sums.sql).
CREATE MACRO charge_total_of_tag(wanted, instant, asked) AS TABLE
SELECT
    billing_currency, charge_category, billed_cost, counted_effective_cost, lines, counted_lines, stated_lines,
    tag_value
FROM charge_sum_of_tag(wanted, instant, asked)
