-- The columns of a table or view, and no rows.
SELECT * FROM {dataset} LIMIT 0
