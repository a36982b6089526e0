-- Statements of bills up to an instant, oldest first: the report of a payer about a month, or
-- about a day from Cost Explorer. observed_at is the statement's own time: the time of the bill's
-- file, or --observed-at of the import. A statement covers the days of its period up to that time.
-- is_valid is false for a statement that a newer one had replaced.
-- $as_of timestamp = now  statements with their own time at or before this instant
SELECT
    split_part(scope, '/', 1) AS payer,
    regexp_extract(scope, '[^/]*$') AS period,
    valid_from AS observed_at,
    bool_or(valid_at(valid_from, valid_until, $as_of)) AS is_valid
FROM charge_statement
WHERE valid_from <= $as_of
GROUP BY run_id, payer, period, observed_at
ORDER BY observed_at, payer, period
