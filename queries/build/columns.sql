-- The columns of every table and view, in order.
SELECT table_name, column_name, data_type
FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main'
ORDER BY table_name, column_index
