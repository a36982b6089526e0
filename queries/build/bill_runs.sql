-- The months of each run with bill lines. `whole` is true if all lines of the run and month were
-- valid at an instant, false if some may have been, and null if none was or the month is another
-- one.
-- $month text  billing month such as 2026-11, latest, or all
-- $as_of timestamp  the instant
WITH statement AS (
    SELECT
        run_id,
        substr(regexp_extract(scope, '[^/]*$'), 1, 7) AS month,
        valid_at(valid_from, valid_until, $as_of) AS is_valid,
        only_account IS NULL AND other_accounts IS NULL AS is_of_all
    FROM charge_statement
)
SELECT
    run_id,
    month,
    CASE
        WHEN bool_or(is_valid)
            AND ($month = 'all'
                OR month = CASE $month
                    WHEN 'latest' THEN (SELECT max(month) FROM statement WHERE is_valid)
                    ELSE $month
                END)
        THEN bool_and(is_valid AND is_of_all)
    END AS whole
FROM statement
GROUP BY run_id, month
