-- A log: all rows stand.
CREATE TABLE {dataset} AS SELECT {columns} FROM read_parquet([{files}]) ORDER BY {key}
