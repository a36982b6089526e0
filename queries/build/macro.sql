-- The body of a table macro of ours.
-- $name text  the macro's name
SELECT macro_definition
FROM duckdb_functions()
WHERE function_name = $name AND function_type = 'table_macro' AND NOT internal
