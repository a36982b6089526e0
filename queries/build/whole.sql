-- Removes the limit of family.sql from a dataset.
DROP VIEW IF EXISTS temp.{dataset}
