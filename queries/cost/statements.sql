-- Statements of bills up to an instant, oldest first: the report of a payer about a month, or
-- about a day from Cost Explorer. observed_at is the statement's own time: the time of the bill's
-- file, or --observed-at of the import. A statement covers the days of its period up to that time.
-- is_valid is false for a statement that a newer one had replaced. linked_accounts is empty for a
-- statement about all accounts of the payer; it lists the accounts of a linked account's own
-- report, which covers no day of another account.
-- $as_of timestamp = now  statements with their own time at or before this instant
WITH report AS (
    SELECT DISTINCT
        run_id,
        split_part(scope, '/', 1) || '/' || regexp_extract(scope, '[^/]*$') AS scope,
        CASE
            WHEN regexp_matches(scope, '^[^/]+/[^/]+/[^/]+$') THEN string_split(split_part(scope, '/', 2), '+')
            ELSE CAST([] AS VARCHAR[])
        END AS linked_accounts
    FROM collection_run
    WHERE dataset = 'charge'
)
SELECT
    split_part(scope, '/', 1) AS payer,
    regexp_extract(scope, '[^/]*$') AS period,
    valid_from AS observed_at,
    bool_or(valid_at(valid_from, valid_until, $as_of)) AS is_valid,
    linked_accounts
FROM charge_statement
JOIN report USING (run_id, scope)
WHERE valid_from <= $as_of
GROUP BY run_id, payer, period, observed_at, linked_accounts
ORDER BY observed_at, payer, period, linked_accounts
