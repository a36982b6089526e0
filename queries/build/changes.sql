-- A dataset of changes is read where it lies.
CREATE VIEW {dataset} AS SELECT {columns} FROM read_parquet([{files}])
