-- What is known now: the rows of a snapshot that nothing newer has replaced.
CREATE VIEW {dataset} AS
SELECT {columns} FROM {dataset}_history WHERE valid_until IS NULL
