-- The columns of a table or a view, and no row.
SELECT * FROM {dataset} LIMIT 0
