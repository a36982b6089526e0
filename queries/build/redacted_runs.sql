-- The run log with stand-ins. A gap is text of AWS or of a file. Hides the table of the same name,
-- in this connection only.
CREATE TEMP VIEW collection_run AS
SELECT
    * REPLACE (
        {stand_ins},
        CASE WHEN dataset IN ({private}) THEN redacted(run_id) ELSE redacted_run(run_id) END AS run_id
    )
FROM {base}.collection_run
