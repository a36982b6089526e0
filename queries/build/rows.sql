-- The rows of a snapshot's files, before they are dated.
SELECT {columns}, run_id FROM read_parquet([{files}])
