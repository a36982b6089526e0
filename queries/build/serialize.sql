-- The parse tree of a statement as JSON. Only a SELECT has one.
SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)
