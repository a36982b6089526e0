-- The columns that a dataset's files have, and no row.
SELECT * FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true) LIMIT 0
