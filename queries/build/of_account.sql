-- The condition that a line belongs to the statement's accounts, for bills with reports of linked
-- accounts. Without such reports, every line of the bill does.
AND (
    stated.only_account = found.sub_account_id
    OR (stated.only_account IS NULL AND NOT coalesce(list_contains(stated.other_accounts, found.sub_account_id), false))
)
