-- The statements of a dataset with stand-ins. Hides the table of the same name, in this connection
-- only.
CREATE TEMP VIEW {dataset}_statement AS
SELECT * REPLACE (redacted(run_id) AS run_id, redacted_scope(scope) AS scope) FROM {base}.{dataset}_statement
