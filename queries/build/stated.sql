-- Every row of a dataset of statements, read from its files, with the time span in which it was
-- valid.
CREATE OR REPLACE VIEW {dataset}_history AS
SELECT {columns}, found.run_id, valid_from, valid_until
FROM ({rows}) AS found
JOIN {dataset}_statement AS stated ON stated.run_id = found.run_id AND stated.scope = found.bill
{of_account}