-- All tables and views.
SELECT DISTINCT table_name
FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main'
ORDER BY table_name
