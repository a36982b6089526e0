-- The lines of a billing month with the price that instance hours would have: of another region, of
-- mapped families or types, on spot or under a Savings Plan. The price is found by instance type,
-- region, operating system, tenancy, licence and software in the currency of the bill, and is the
-- newest one that was valid when the usage began, by the price list's own dates. Spot takes the
-- cheapest zone with an observation of the seven days before. price_per_hour is null for lines that
-- keep their cost, and `reason` is why. Hours with a price have a row for each account and day of
-- the price, because own discounts depend on both. Currencies are never added.
-- $month month = latest  billing month such as 2026-11, latest or all
-- $region region = own  region code, or own
-- $map texts = none  families or types to replace, such as m5=m7g, separated by commas
-- $purchase on-demand|spot|compute|instance = on-demand  way to pay
-- $years int = 1  length of a Savings Plan, years: 1 or 3
-- $payment no-upfront|partial-upfront|all-upfront = no-upfront  payment option of a Savings Plan
-- $prices_at timestamp = 1970-01-01  instant of all prices; 1970-01-01 is the time of each line
-- $as_of timestamp = now  use the newest data at or before this instant
WITH product (operation, os, software, licence) AS (
    -- As crates/feeds/src/product.rs reads the operations of price lists.
    VALUES
        ('RunInstances', 'linux', 'none', 'none'),
        ('RunInstances:0010', 'rhel', 'none', 'included'),
        ('RunInstances:1010', 'rhel-ha', 'none', 'included'),
        ('RunInstances:000g', 'suse', 'none', 'included'),
        ('RunInstances:0g00', 'ubuntu-pro', 'none', 'included'),
        ('RunInstances:0002', 'windows', 'none', 'included'),
        ('RunInstances:0800', 'windows', 'none', 'byol'),
        ('RunInstances:0006', 'windows', 'sql-std', 'included'),
        ('RunInstances:0102', 'windows', 'sql-ent', 'included'),
        ('RunInstances:0202', 'windows', 'sql-web', 'included'),
        ('RunInstances:0210', 'rhel', 'sql-web', 'included'),
        ('RunInstances:1014', 'rhel-ha', 'sql-std', 'included'),
        ('RunInstances:0004', 'linux', 'sql-std', 'included')
),
mapping AS (
    SELECT trim(split_part(pair, '=', 1)) AS old, trim(split_part(pair, '=', 2)) AS new
    FROM (SELECT unnest(string_split($map, ',')) AS pair)
    WHERE contains(pair, '=')
),
line AS (
    SELECT
        service_name,
        coalesce(line_item_type, charge_category) AS line_type,
        billing_currency,
        billed_cost,
        pricing_quantity,
        charge_period_start,
        operation,
        region_id,
        sub_account_id,
        coalesce(instance_type, nullif(split_part(usage_type, ':', 2), '')) AS instance_type,
        CASE
            WHEN regexp_matches(usage_type, '(^|-)BoxUsage(:|$)') THEN 'shared'
            WHEN regexp_matches(usage_type, '(^|-)DedicatedUsage(:|$)') THEN 'dedicated'
        END AS tenancy,
        CASE
            WHEN charge_category IS DISTINCT FROM 'Usage' THEN 'no usage'
            WHEN commitment_discount_status IS NOT NULL THEN 'covered by a commitment'
            WHEN pricing_category = 'Dynamic' OR regexp_matches(usage_type, '(^|-)SpotUsage(:|$)')
            THEN 'spot usage'
            WHEN coalesce(service_code, 'AmazonEC2') <> 'AmazonEC2'
                OR coalesce(line_item_type, 'Usage') <> 'Usage' OR tenancy IS NULL
            THEN 'not instance hours'
            WHEN billed_cost = 0 THEN 'free usage'
            WHEN pricing_quantity IS NULL THEN 'no quantity stated'
        END AS reason
    FROM charge_of_month($month, $as_of)
),
target AS (
    SELECT
        line.* EXCLUDE (region_id, instance_type, operation),
        CASE $region WHEN 'own' THEN line.region_id ELSE $region END AS region,
        line.instance_type AS own_type,
        coalesce(
            of_type.new,
            of_family.new || '.' || split_part(line.instance_type, '.', 2),
            line.instance_type
        ) AS instance_type,
        product.os,
        product.software,
        product.licence,
        CASE
            WHEN CAST($prices_at AS DATE) = DATE '1970-01-01' THEN line.charge_period_start ELSE $prices_at
        END AS priced_at
    FROM line
    LEFT JOIN product ON product.operation = line.operation
    LEFT JOIN mapping AS of_type ON of_type.old = line.instance_type
    LEFT JOIN mapping AS of_family ON of_family.old = split_part(line.instance_type, '.', 1)
),
wanted AS (
    SELECT DISTINCT region, instance_type, os, software, licence, tenancy, billing_currency, priced_at
    FROM target
    WHERE reason IS NULL
),
listed AS (
    SELECT
        instance_type, region, os, software, licence, tenancy, currency, price_per_hour, valid_from,
        valid_until,
        least(valid_from, coalesce(effective_from, valid_from)) AS starts_at
    FROM price_history
    WHERE $purchase = 'on-demand' AND term = 'on-demand' AND valid_from <= $as_of
    UNION ALL
    SELECT
        instance_type, region, os, software, licence, tenancy, currency, price_per_hour, valid_from,
        valid_until,
        least(valid_from, coalesce(effective_from, valid_from))
    FROM savings_plan_history
    WHERE plan = $purchase AND lease_years = $years AND payment = $payment AND valid_from <= $as_of
),
newest AS (
    SELECT
        wanted.*,
        arg_max(listed.price_per_hour, listed.valid_from) AS price_per_hour,
        arg_max_null(listed.valid_until, listed.valid_from) AS valid_until
    FROM wanted
    JOIN listed
        ON listed.instance_type = wanted.instance_type AND listed.region = wanted.region
            AND listed.os = wanted.os AND listed.software = wanted.software
            AND listed.licence = wanted.licence AND listed.tenancy = wanted.tenancy
            AND listed.currency = wanted.billing_currency AND listed.starts_at <= wanted.priced_at
    GROUP BY ALL
),
observed AS (
    SELECT
        wanted.*,
        spot.az_id,
        spot.observed_at,
        max(spot.price_per_hour) AS price_per_hour
    FROM wanted
    JOIN spot_price AS spot
        ON spot.instance_type = wanted.instance_type AND spot.region = wanted.region
            AND spot.product = wanted.os
            AND coalesce(spot.currency, wanted.billing_currency) = wanted.billing_currency
            AND spot.observed_at <= wanted.priced_at
            AND spot.observed_at > wanted.priced_at - INTERVAL 7 DAY
    WHERE $purchase = 'spot' AND spot.observed_at <= $as_of
        AND wanted.software = 'none' AND wanted.licence <> 'byol' AND wanted.tenancy = 'shared'
    GROUP BY ALL
),
priced AS (
    SELECT * EXCLUDE (valid_until) FROM newest WHERE valid_until IS NULL OR valid_until > priced_at
    UNION ALL
    SELECT * EXCLUDE (az_id, price_per_hour), min(price_per_hour)
    FROM (
        SELECT
            * EXCLUDE (observed_at, price_per_hour),
            arg_max_null(price_per_hour, observed_at) AS price_per_hour
        FROM observed
        GROUP BY ALL
    )
    GROUP BY ALL
    HAVING min(price_per_hour) IS NOT NULL
)
SELECT
    target.service_name,
    target.line_type,
    target.billing_currency,
    CASE WHEN target.reason IS NULL THEN target.own_type END AS own_type,
    CASE WHEN target.reason IS NULL THEN target.instance_type END AS instance_type,
    CASE WHEN target.reason IS NULL THEN target.region END AS region,
    CASE WHEN target.reason IS NULL THEN target.os END AS os,
    CASE
        WHEN target.reason IS NOT NULL THEN target.reason
        WHEN target.os IS NULL THEN 'unknown operation'
        WHEN priced.price_per_hour IS NULL THEN 'no price'
    END AS reason,
    priced.price_per_hour,
    CASE WHEN priced.price_per_hour IS NOT NULL THEN target.sub_account_id END AS account_id,
    CASE WHEN priced.price_per_hour IS NOT NULL THEN date_trunc('day', target.priced_at) END AS priced_on,
    sum(target.billed_cost) AS actual_cost,
    CASE WHEN count(target.pricing_quantity) = count(*)
        THEN CAST(sum(target.pricing_quantity) AS DECIMAL(38, 9)) END AS quantity,
    count(*) AS lines
FROM target
LEFT JOIN priced
    ON target.reason IS NULL
        AND priced.instance_type = target.instance_type AND priced.region = target.region
        AND priced.os = target.os AND priced.software = target.software
        AND priced.licence = target.licence AND priced.tenancy = target.tenancy
        AND priced.billing_currency = target.billing_currency AND priced.priced_at = target.priced_at
GROUP BY ALL
ORDER BY
    target.service_name, target.line_type, target.billing_currency, own_type, instance_type, region, os,
    reason, price_per_hour, account_id, priced_on
