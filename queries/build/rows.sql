-- The rows of a dataset's files. Files may have different columns; folder names are never columns.
SELECT {fields} FROM read_parquet([{files}], hive_partitioning = false, union_by_name = true)
