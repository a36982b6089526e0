-- Newest usage in the bills of a month: the start of its hour or day. Without any usage, the newest
-- charge; without any charge, null. If the month is latest, payers_left_out lists the payers
-- without bills of that month, each with its newest month. payers_repeated lists the payers with
-- days from Cost Explorer beside the report of a linked account: unless the days state the account,
-- they contain the same costs.
-- $month month = latest  billing month such as 2026-11, latest, or all
-- $as_of timestamp = now  use the newest data at or before this instant
WITH newest AS (
    SELECT
        split_part(scope, '/', 1) AS payer,
        max(substr(regexp_extract(scope, '[^/]*$'), 1, 7)) AS month
    FROM charge_statement
    WHERE valid_at(valid_from, valid_until, $as_of)
    GROUP BY payer
)
SELECT
    coalesce(
        max(newest_start) FILTER (charge_category = 'Usage' OR charge_category IS NULL),
        max(newest_start)
    ) AS newest_usage,
    (
        SELECT coalesce(list(payer || ' (' || month || ')' ORDER BY payer), [])
        FROM newest
        WHERE $month = 'latest' AND payer <> '*' AND month < (SELECT max(month) FROM newest)
    ) AS payers_left_out,
    (
        SELECT coalesce(list(DISTINCT split_part(scope, '/', 1)), [])
        FROM charge_statement
        WHERE valid_at(valid_from, valid_until, $as_of)
            AND other_accounts IS NOT NULL
            AND regexp_matches(scope, '-[0-9]{2}-[0-9]{2}$')
            AND ($month = 'all' OR contains(
                scope, '/' || CASE $month WHEN 'latest' THEN (SELECT max(month) FROM newest) ELSE $month END
            ))
    ) AS payers_repeated
FROM charge_sum_of_month($month, $as_of)
