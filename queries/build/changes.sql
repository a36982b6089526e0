-- A dataset of changes is read where it lies.
CREATE VIEW {dataset} AS {rows}
