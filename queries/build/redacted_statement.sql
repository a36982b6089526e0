-- The statements of a dataset with stand-ins. Hides the table of the same name, in this connection
-- only.
CREATE TEMP VIEW {dataset}_statement AS
SELECT
    * REPLACE (
        redacted(run_id) AS run_id,
        redacted_scope(scope) AS scope,
        redacted(only_account) AS only_account,
        redacted_list(other_accounts) AS other_accounts
    )
FROM {base}.{dataset}_statement
