-- A log: all rows stay valid.
CREATE TABLE {dataset} AS SELECT * FROM ({rows}) ORDER BY {key}
