-- The current rows of a dataset: those that no newer row has replaced.
CREATE VIEW {dataset} AS
SELECT {columns} FROM {dataset}_history WHERE valid_until IS NULL
