-- Lines with the time span of their statement.
SELECT {columns}, found.run_id, valid_from, valid_until
FROM ({rows}) AS found
JOIN charge_statement AS stated ON stated.run_id = found.run_id AND stated.scope = found.bill
{of_account}
