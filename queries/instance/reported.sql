-- Every instance type as the EC2 API reports it, without corrections from manufacturers' documents.
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT * EXCLUDE (run_id, valid_from, valid_until)
FROM instance_type_history
WHERE valid_at(valid_from, valid_until, $as_of)
ORDER BY instance_type
