-- A table with stand-ins. Hides the table of the same name, in this connection only.
CREATE TEMP VIEW {table} AS
SELECT * REPLACE ({stand_ins}, {run}(run_id) AS run_id) FROM {base}.{table}
