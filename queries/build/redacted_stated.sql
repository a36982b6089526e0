-- Like stated.sql, with stand-ins. The rows are joined with the real statements, so their run and
-- bill are replaced only afterwards. Hides the view of the same name, in this connection only.
CREATE TEMP VIEW {dataset}_history AS
SELECT * REPLACE ({stand_ins}, redacted(run_id) AS run_id)
FROM (
    SELECT {columns}, found.run_id, valid_from, valid_until
    FROM ({rows}) AS found
    JOIN {base}.{dataset}_statement AS stated ON stated.run_id = found.run_id AND stated.scope = found.bill
    {of_account}
)
