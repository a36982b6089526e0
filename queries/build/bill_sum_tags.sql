-- The tags that are no column in daily sums, with the file of the sums, and whether the file has
-- sums by their values.
WITH row_of_sums AS (
    SELECT filename AS file, of_tag, tag_lines
    FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true, filename = true)
    WHERE of_tag IS NOT NULL OR tag_lines IS NOT NULL
)
SELECT file, key, bool_or(has_totals) AS has_totals
FROM (
    SELECT file, of_tag AS key, true AS has_totals FROM row_of_sums WHERE of_tag IS NOT NULL
    UNION
    SELECT file, tag.key AS key, false AS has_totals
    FROM (
        SELECT file, unnest(from_json(tag_lines, '[{"key": "VARCHAR", "lines": "BIGINT"}]')) AS tag
        FROM row_of_sums
        WHERE tag_lines IS NOT NULL
    )
)
GROUP BY file, key
