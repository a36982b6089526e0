-- The statements of each run about each scope, with the time span in which each was the newest:
-- until the next run that saw the whole scope. A day's statement also ends with a statement of the
-- whole month of the same account (`*` is an unknown account and matches any account). If the
-- month's statement is older, the span is empty. `valid_until` is null while there is nothing
-- newer. Names in braces are filled in from the catalog.
CREATE TABLE {dataset}_statement AS
WITH run AS (
    SELECT
        run_id,
        scope,
        regexp_extract(scope, '^(.*)/[^/]*$', 1) AS account,
        regexp_extract(scope, '[^/]*$') AS period,
        observed_at AS valid_from,
        outcome <> 'partial' AS whole
    FROM collection_run
    WHERE dataset = '{dataset}' AND outcome IN ('complete', 'partial', 'empty')
)
SELECT run.run_id, run.scope, run.valid_from, min(newer.valid_from) AS valid_until
FROM run
LEFT JOIN run AS newer
    ON newer.whole
    AND (
        (newer.scope = run.scope AND (newer.valid_from, newer.run_id) > (run.valid_from, run.run_id))
        OR (
            length(newer.period) = 7
            AND length(run.period) = 10
            AND starts_with(run.period, newer.period)
            AND run.account IN ('*', newer.account)
        )
    )
GROUP BY run.run_id, run.scope, run.valid_from
