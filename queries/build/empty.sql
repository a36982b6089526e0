-- The typed columns of a dataset without files, and no rows.
SELECT {typed} WHERE false
