-- The tags that are no column in daily sums, with the file of the sums.
SELECT DISTINCT file, tag.key AS key
FROM (
    SELECT filename AS file, unnest(from_json(tag_lines, '[{"key": "VARCHAR", "lines": "BIGINT"}]')) AS tag
    FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true, filename = true)
    WHERE tag_lines IS NOT NULL
)
