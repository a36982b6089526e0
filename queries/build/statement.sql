-- The statements of each run about each bill, with the time span in which each was the newest:
-- until the next run that saw the whole bill. A scope is account/period for all accounts of a
-- payer, and account/ACCOUNT+…/period for the report of linked accounts. The report of a linked
-- account ends only the lines of that account in another statement, so such a statement has further
-- rows: only_account is set, and other_accounts of the main row lists them. A day's statement also
-- ends with a statement of the whole month of the same account (`*` is an unknown account and
-- matches any account). If the month's statement is older, the span is empty. `valid_until` is null
-- while there is nothing newer. `scope` is the bill of the lines. Names in braces are filled in
-- from the catalog.
CREATE TABLE {dataset}_statement AS
WITH run AS (
    SELECT
        run_id,
        split_part(scope, '/', 1) AS account,
        CASE WHEN scope LIKE '%/%/%' THEN string_split(split_part(scope, '/', 2), '+') END AS covered,
        regexp_extract(scope, '[^/]*$') AS period,
        observed_at AS valid_from,
        outcome <> 'partial' AS whole
    FROM collection_run
    WHERE dataset = '{dataset}' AND outcome IN ('complete', 'partial', 'empty')
),
newer AS (
    SELECT
        run.run_id,
        run.account,
        run.period,
        newer.valid_from,
        newer.covered,
        newer.covered IS NULL
            OR list_has_all(newer.covered, run.covered)
            OR run.account = '*'
            OR (run.account <> newer.account AND list_contains(newer.covered, run.account)) AS is_full
    FROM run
    JOIN run AS newer
        ON newer.whole
        AND (
            (
                newer.account = run.account
                AND newer.period = run.period
                AND (newer.valid_from, newer.run_id) > (run.valid_from, run.run_id)
            )
            OR (
                length(newer.period) = 7
                AND length(run.period) = 10
                AND starts_with(run.period, newer.period)
                AND (run.account IN ('*', newer.account) OR list_contains(newer.covered, run.account))
            )
        )
),
ended AS (
    SELECT run_id, account, period, min(valid_from) AS valid_until
    FROM newer
    WHERE is_full
    GROUP BY run_id, account, period
),
linked AS (
    SELECT run_id, account, period, linked_account, min(valid_from) AS valid_until
    FROM (SELECT *, unnest(covered) AS linked_account FROM newer WHERE NOT coalesce(is_full, false))
    GROUP BY run_id, account, period, linked_account
)
SELECT
    run_id,
    account || '/' || period AS scope,
    valid_from,
    ended.valid_until,
    CAST(NULL AS VARCHAR) AS only_account,
    list(linked_account ORDER BY linked_account) FILTER (linked_account IS NOT NULL) AS other_accounts
FROM run
LEFT JOIN ended USING (run_id, account, period)
LEFT JOIN linked USING (run_id, account, period)
GROUP BY run_id, account, period, valid_from, ended.valid_until
UNION ALL
SELECT
    run_id,
    account || '/' || period,
    run.valid_from,
    least(ended.valid_until, linked.valid_until),
    linked_account,
    NULL
FROM run
JOIN linked USING (run_id, account, period)
LEFT JOIN ended USING (run_id, account, period)
