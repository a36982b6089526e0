-- The rows of a dataset that has no file yet: typed, and none.
SELECT {typed} WHERE false
