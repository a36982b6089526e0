-- The run log with stand-ins. Hides the table of the same name, in this connection only.
CREATE TEMP VIEW collection_run AS
SELECT
    * REPLACE (
        redacted_of(scope, run_id) AS run_id,
        redacted_of(scope, source) AS source,
        redacted_gaps(scope, gaps) AS gaps,
        redacted_scope(scope) AS scope
    )
FROM {base}.collection_run
