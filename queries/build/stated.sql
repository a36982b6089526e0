-- Every row of a dataset of statements, read where it lies, with the span of time in which it held.
CREATE VIEW {dataset}_history AS
SELECT {columns}, found.run_id, valid_from, valid_until
FROM ({rows}) AS found
JOIN {dataset}_statement AS stated ON stated.run_id = found.run_id AND stated.scope = found.bill
