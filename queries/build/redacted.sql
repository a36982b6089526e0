-- A table or view of the warehouse with stand-ins. It goes before the one of the same name, in this connection alone.
CREATE TEMP VIEW {table} AS SELECT * REPLACE ({stand_ins}) FROM {told}
