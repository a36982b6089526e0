-- A table or a view of given rows.
CREATE {kind} {dataset} AS {rows}
