-- The number of rows of a table or view.
SELECT count(*) FROM {dataset}
