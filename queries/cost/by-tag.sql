-- What each value of a tag cost in a month, dearest first within a currency; null is what has no such tag.
-- What is apart adds up to billed_cost; effective_cost spreads fees over what they cover, and is null where a
-- line does not say it. Currencies are never added.
-- $tag text  the tag's key, such as Name: user:Name and user_name, as reports spell it, are the same
-- $month text = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  the newest statement at or before this instant
WITH newest AS (
    SELECT max(substr(regexp_extract(scope, '[^/]*$'), 1, 7)) AS month
    FROM charge_statement
    WHERE valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
),
billed AS (
    SELECT *, CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END AS tag
    FROM charge_history
    WHERE valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
        AND ($month = 'all'
            OR strftime(billing_period_start, '%Y-%m') = CASE $month WHEN 'latest' THEN (SELECT month FROM newest) ELSE $month END)
)
SELECT
    billing_currency,
    coalesce(tag ->> $tag, tag ->> ('user:' || $tag), tag ->> ('user_' || lower($tag))) AS tag_value,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Usage'), 0) AS usage,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Purchase'), 0) AS purchases,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Credit'), 0) AS credits,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Adjustment'), 0) AS adjustments,
    coalesce(sum(billed_cost) FILTER (charge_category = 'Tax'), 0) AS taxes,
    coalesce(sum(billed_cost) FILTER (charge_category IS NULL), 0) AS unsaid,
    sum(billed_cost) AS billed_cost,
    CASE WHEN count(effective_cost) = count(*) THEN sum(effective_cost) END AS effective_cost,
    count(*) AS lines
FROM billed
GROUP BY billing_currency, tag_value
ORDER BY billing_currency, billed_cost DESC, tag_value
