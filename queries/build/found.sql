-- The columns of a dataset's files, and no rows.
SELECT * FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true) LIMIT 0
