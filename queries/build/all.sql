-- All rows of a table or view.
SELECT * FROM {dataset}
