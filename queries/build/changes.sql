-- A dataset of changes, read from its files.
CREATE VIEW {dataset} AS {rows}
