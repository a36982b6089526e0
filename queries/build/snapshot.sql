-- Every row of a snapshot with the span of time in which it was the newest statement of its scope:
-- from its observation until the next complete run of the scope, or the next row of the same key.
-- `valid_until` is null while nothing newer is known. Names in braces are filled in from the catalog.
CREATE TABLE {dataset}_history AS
WITH run AS (
    SELECT run_id, scope, observed_at AS run_at, outcome
    FROM collection_run
    WHERE dataset = '{dataset}' AND outcome IN ('complete', 'partial')
),
superseded AS (
    SELECT earlier.run_id, earlier.scope, min(later.run_at) AS replaced_at
    FROM run AS earlier
    JOIN run AS later
        ON later.scope = earlier.scope
        AND later.outcome = 'complete'
        AND (later.run_at, later.run_id) > (earlier.run_at, earlier.run_id)
    GROUP BY earlier.run_id, earlier.scope
),
dated AS (
    SELECT
        found.*,
        run.run_at,
        {observed} AS valid_from,
        superseded.replaced_at,
        lead(run.run_at) OVER (PARTITION BY {key} ORDER BY run.run_at, run.run_id) AS repeated_at
    FROM ({rows}) AS found
    JOIN run ON run.run_id = found.run_id AND run.scope = {scope}
    LEFT JOIN superseded ON superseded.run_id = run.run_id AND superseded.scope = run.scope
)
SELECT
    {columns},
    run_id,
    valid_from,
    CASE
        WHEN replaced_at IS NULL THEN repeated_at
        WHEN repeated_at IS NULL THEN replaced_at
        ELSE least(replaced_at, repeated_at)
    END AS valid_until
FROM dated
ORDER BY {key}
