-- Like current.sql, over the history with stand-ins. Hides the view of the same name, in this
-- connection only.
CREATE TEMP VIEW {dataset} AS
SELECT {columns} FROM {dataset}_history WHERE valid_until IS NULL
