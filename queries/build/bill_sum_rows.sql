-- Rows of these files of sums: those by day, or those by the value of one tag. Files may have
-- different columns of tags.
SELECT {columns}, from_json(tag_lines, '[{"key": "VARCHAR", "lines": "BIGINT"}]') AS tag_lines
FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true)
WHERE {of_tag}
