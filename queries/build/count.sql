-- How many rows a table or a view has.
SELECT count(*) FROM {dataset}
