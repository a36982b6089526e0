-- A log: all rows stand.
CREATE TABLE {dataset} AS SELECT * FROM ({rows}) ORDER BY {key}
