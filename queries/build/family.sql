-- Limits a dataset of changes, for one question, to the files that can contain one family of
-- instance types. Hides the view of the same name, in this connection only.
CREATE OR REPLACE TEMP VIEW {dataset} AS {rows}
