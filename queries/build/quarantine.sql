-- Quarantines implausible on-demand prices: no answer uses them until a user accepts them. Such a
-- price is more likely an error of the feed. A price is quarantined if it is zero or less, or more
-- than five times the median of the same product over at least three regions that had a price at
-- that time. A positive price is never quarantined if the price before it was plausible and not
-- lower.
CREATE TEMP TABLE held_row AS
WITH judged AS (
    SELECT
        rowid AS row_number,
        *,
        substr(md5(concat_ws(
            '/', instance_type, region, os, tenancy, licence, software, currency, CAST(price_per_hour AS VARCHAR)
        )), 1, 12) AS held_id,
        lag(price_per_hour) OVER (
            PARTITION BY instance_type, region, os, tenancy, licence, software, currency
            ORDER BY valid_from, run_id
        ) AS price_before
    FROM price_history
    WHERE term = 'on-demand' AND tenancy <> 'host'
),
product AS (
    SELECT instance_type, os, tenancy, licence, software, currency, min(price_per_hour) AS least
    FROM judged
    WHERE price_per_hour > 0
    GROUP BY ALL
),
dear AS (
    SELECT judged.*
    FROM judged
    JOIN product USING (instance_type, os, tenancy, licence, software, currency)
    WHERE judged.price_per_hour > 5 * product.least
),
compared AS (
    SELECT
        dear.held_id,
        dear.run_id,
        median(other.price_per_hour) AS median_price,
        count(DISTINCT other.region) AS regions
    FROM dear
    JOIN judged AS other
        ON other.instance_type = dear.instance_type
        AND other.os = dear.os
        AND other.tenancy = dear.tenancy
        AND other.licence = dear.licence
        AND other.software = dear.software
        AND other.currency = dear.currency
        AND other.price_per_hour > 0
        AND (other.valid_until IS NULL OR other.valid_until > dear.valid_from)
        AND (dear.valid_until IS NULL OR dear.valid_until > other.valid_from)
    GROUP BY ALL
),
absurd AS (
    SELECT
        judged.*,
        compared.median_price,
        compared.regions,
        coalesce(
            judged.price_per_hour > 5 * compared.median_price AND compared.regions >= 3,
            judged.price_per_hour <= 0,
            FALSE
        ) AND judged.held_id NOT IN (SELECT held_id FROM acceptance) AS is_absurd
    FROM judged
    LEFT JOIN compared ON compared.held_id = judged.held_id AND compared.run_id = judged.run_id
),
settled AS (
    SELECT
        *,
        lag(is_absurd) OVER (
            PARTITION BY instance_type, region, os, tenancy, licence, software, currency
            ORDER BY valid_from, run_id
        ) AS was_absurd
    FROM absurd
)
SELECT
    row_number,
    held_id,
    instance_type,
    region,
    os,
    tenancy,
    licence,
    software,
    price_per_hour,
    currency,
    CAST(median_price AS DECIMAL(18, 10)) AS median_price,
    CASE
        WHEN price_per_hour <= 0 THEN 'nothing to pay'
        ELSE 'more than 5 times the median of ' || regions || ' regions'
    END AS reason,
    observed_at,
    source,
    run_id,
    valid_from,
    valid_until
FROM settled
WHERE is_absurd AND NOT coalesce(price_per_hour > 0 AND NOT was_absurd AND price_before >= price_per_hour, FALSE);

CREATE TABLE price_held AS
SELECT * EXCLUDE (row_number) FROM held_row ORDER BY instance_type, region, os, tenancy, valid_from;

-- The price before a quarantined price stays valid until the quarantined price is replaced.
UPDATE price_history
SET valid_until = chain.valid_until
FROM (
    WITH marked AS (
        SELECT
            rowid AS row_number,
            instance_type,
            region,
            os,
            tenancy,
            licence,
            software,
            currency,
            run_id,
            valid_from,
            valid_until,
            rowid IN (SELECT row_number FROM held_row) AS is_held,
            lag(valid_until) OVER series IS DISTINCT FROM valid_from AS is_apart
        FROM price_history
        WHERE term = 'on-demand'
            AND (instance_type, region) IN (SELECT (instance_type, region) FROM held_row)
        WINDOW series AS (
            PARTITION BY instance_type, region, os, tenancy, licence, software, currency ORDER BY valid_from, run_id
        )
    ),
    linked AS (
        SELECT
            *,
            sum(CASE WHEN is_held AND NOT is_apart THEN 0 ELSE 1 END) OVER (
                PARTITION BY instance_type, region, os, tenancy, licence, software, currency
                ORDER BY valid_from, run_id
            ) AS link
        FROM marked
    )
    SELECT
        arg_min(row_number, (valid_from, run_id)) AS row_number,
        CASE WHEN count(*) = count(valid_until) THEN max(valid_until) END AS valid_until
    FROM linked
    GROUP BY instance_type, region, os, tenancy, licence, software, currency, link
    HAVING count(*) > 1
) AS chain
WHERE price_history.rowid = chain.row_number;

DELETE FROM price_history WHERE rowid IN (SELECT row_number FROM held_row);

DROP TABLE held_row;

-- Adds quarantined prices to the gaps of their runs, so that answers report them.
UPDATE collection_run
SET gaps = list_concat(collection_run.gaps, held.told)
FROM (
    SELECT
        run_id,
        region,
        list(
            os || ' ' || tenancy || ' ' || instance_type || ' at ' || price_per_hour || ' ' || currency
                || ' is quarantined (' || reason || '): collector status --held'
            ORDER BY instance_type, os, tenancy
        ) AS told
    FROM price_held
    WHERE valid_until IS NULL
    GROUP BY run_id, region
) AS held
WHERE collection_run.dataset = 'price'
    AND collection_run.run_id = held.run_id
    AND collection_run.scope = held.region;
