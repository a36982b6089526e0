SET threads = 2;
SET memory_limit = '1GiB';
COPY (SELECT * FROM {source}) TO '{copy}' (FORMAT parquet, COMPRESSION zstd);
