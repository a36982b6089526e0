-- Cost of each pod and task in a billing month, from AWS's split cost allocation, highest first
-- within a currency: its part of the cost of the instances on which it ran. split_cost is the used
-- part, unused_cost its share of the idle part, cost their sum. These amounts are parts of the
-- instances' own lines, so never add them to the other questions of cost/, which count the
-- instances once. share_percent is the part of the cost of all pods and tasks in that currency.
-- Currencies are never added.
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
WITH share AS (
    SELECT
        billing_currency,
        sub_account_id,
        operation,
        resource_id,
        coalesce(sum(split_cost), 0) AS split_cost,
        coalesce(sum(split_unused_cost), 0) AS unused_cost,
        coalesce(sum(split_cost), 0) + coalesce(sum(split_unused_cost), 0) AS cost,
        count(DISTINCT split_parent_id) AS parents,
        count(*) AS lines,
        count(*) - count(effective_cost) AS lines_without_effective_cost
    FROM charge_of_month($month, $as_of)
    WHERE split_parent_id IS NOT NULL
    GROUP BY billing_currency, sub_account_id, operation, resource_id
)
SELECT
    billing_currency,
    sub_account_id,
    operation,
    resource_id,
    split_cost,
    unused_cost,
    cost,
    100.0 * CAST(cost AS DOUBLE) / nullif(CAST(sum(cost) OVER (PARTITION BY billing_currency) AS DOUBLE), 0)
        AS share_percent,
    parents,
    lines,
    lines_without_effective_cost
FROM share
ORDER BY billing_currency, cost DESC, sub_account_id, operation, resource_id
