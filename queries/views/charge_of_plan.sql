-- On-demand usage that a Savings Plan could cover, and its price under a plan: instance hours of
-- EC2, and for Compute plans also Fargate and Lambda. Usage that a commitment covers, spot and free
-- usage are left out. The plan's price is found by usage type, operation, region and currency; a
-- rate without an operation, as Lambda's, is that of all operations. Without such a rate
-- plan_price is null. A row is the usage of one charge period, which has `hours` hours.
CREATE MACRO charge_of_plan(wanted_plan, wanted_years, wanted_payment, first_day, last_day, instant) AS TABLE
WITH rate AS MATERIALIZED (
    SELECT
        usage_type,
        coalesce(operation, '') AS operation,
        region,
        currency,
        max(price_per_hour) AS price_per_hour,
        max(split_part(instance_type, '.', 1)) AS family
    FROM savings_plan_history
    WHERE plan = wanted_plan AND lease_years = wanted_years AND payment = wanted_payment
        AND valid_at(valid_from, valid_until, instant)
    GROUP BY ALL
),
used AS (
    SELECT
        split_part(bill, '/', 1) AS payer,
        billing_currency,
        region_id,
        usage_type,
        operation,
        date_trunc('hour', charge_period_start) AS starts_at,
        greatest(1, date_diff(
            'hour', charge_period_start, coalesce(charge_period_end, charge_period_start + INTERVAL 1 DAY)
        )) AS hours,
        sum(billed_cost) AS cost,
        CASE WHEN count(pricing_quantity) = count(*) THEN CAST(sum(pricing_quantity) AS DECIMAL(38, 9)) END
            AS quantity,
        count(*) AS lines
    FROM charge_of_month('all', instant)
    WHERE charge_period_start >= CAST(first_day AS DATE)
        AND charge_period_start < CAST(last_day AS DATE) + INTERVAL 1 DAY
        AND charge_category = 'Usage'
        AND coalesce(line_item_type, 'Usage') = 'Usage'
        AND coalesce(pricing_category, 'Standard') = 'Standard'
        AND commitment_discount_status IS NULL
        AND split_parent_id IS NULL
        AND billed_cost <> 0
        AND CASE coalesce(service_code, 'AmazonEC2')
            WHEN 'AmazonEC2'
            THEN regexp_matches(
                usage_type, '(^|-)(BoxUsage|DedicatedUsage|HostUsage|UnusedBox|UnusedDed)(:|$)'
            )
            WHEN 'AWSLambda' THEN wanted_plan = 'compute' AND regexp_matches(usage_type, '(^|-)Lambda-')
            WHEN 'AmazonECS' THEN wanted_plan = 'compute' AND regexp_matches(usage_type, '(^|-)Fargate-')
            WHEN 'AmazonEKS' THEN wanted_plan = 'compute' AND regexp_matches(usage_type, '(^|-)Fargate-')
            ELSE false
        END
    GROUP BY ALL
)
SELECT
    used.*,
    coalesce(exact.price_per_hour, general.price_per_hour) AS plan_price,
    coalesce(exact.family, general.family) AS family,
    (SELECT count(*) FROM rate) AS known_rates
FROM used
LEFT JOIN rate AS exact
    ON exact.usage_type = used.usage_type AND exact.operation = used.operation
        AND exact.region = used.region_id AND exact.currency = used.billing_currency
LEFT JOIN rate AS general
    ON general.usage_type = used.usage_type AND general.operation = ''
        AND general.region = used.region_id AND general.currency = used.billing_currency
