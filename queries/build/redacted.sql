-- A table or view with stand-ins. Hides the one of the same name, in this connection only.
CREATE TEMP VIEW {table} AS SELECT * REPLACE ({stand_ins}) FROM {told}
