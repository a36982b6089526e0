-- The history of a dataset with stand-ins. Hides the table of the same name, in this connection
-- only.
CREATE TEMP VIEW {dataset}_history AS
SELECT * REPLACE ({stand_ins}, redacted(run_id) AS run_id) FROM {base}.{dataset}_history
