-- After such a question the dataset is whole again.
DROP VIEW IF EXISTS temp.{dataset}
