-- Lines of which all were valid at the question's instant.
SELECT {columns}, run_id, TIMESTAMP '1970-01-01' AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_until
FROM ({rows})
