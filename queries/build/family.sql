-- A dataset of changes, cut down for one question to the files that can hold one family of instance types. It goes
-- before the view of the same name, in this connection alone.
CREATE OR REPLACE TEMP VIEW {dataset} AS {rows}
