-- The rows of a dataset's files, whichever columns each of them has; a folder's name is never a column.
SELECT {fields} FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true)
