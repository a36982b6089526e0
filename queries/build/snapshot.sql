-- Every row of a snapshot with the time span in which it was the newest data of its scope: from its
-- observation until the next run that saw the whole scope, or the next row of the same key.
-- `valid_until` is null while there is nothing newer. Names in braces are filled in from the
-- catalog.
CREATE TABLE {dataset}_history AS
WITH told AS (
    SELECT run_id, scope, observed_at, outcome
    FROM collection_run
    WHERE dataset = '{dataset}' AND outcome IN ('complete', 'partial', 'empty', 'pruned')
    -- A pruned run has no rows, but still covers its time. A run imported again has two log rows.
    QUALIFY row_number() OVER (PARTITION BY run_id, scope ORDER BY outcome = 'pruned') = 1
),
run AS (
    SELECT
        run_id,
        scope,
        observed_at AS run_at,
        min(observed_at) OVER (PARTITION BY scope) AS first_run_at,
        min(CASE WHEN outcome <> 'partial' THEN observed_at END) OVER (
            PARTITION BY scope ORDER BY observed_at, run_id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS replaced_at
    FROM told
),
dated AS (
    SELECT
        found.*,
        -- A row observed before its run is valid from then on, unless its scope has an earlier run.
        CASE
            WHEN run.first_run_at < run.run_at THEN greatest({observed}, run.run_at)
            ELSE {observed}
        END AS valid_from,
        run.replaced_at,
        lead(run.run_at) OVER (PARTITION BY {key} ORDER BY run.run_at, run.run_id) AS repeated_at
    FROM ({rows}) AS found
    JOIN run ON run.run_id = found.run_id AND run.scope = {scope}
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
