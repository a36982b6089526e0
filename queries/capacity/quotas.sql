-- Quotas of each account and region, with the vCPUs of one instance type.
-- $type type  instance type
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT
    q.account_id,
    q.region,
    q.quota_code,
    q.value,
    t.vcpus AS type_vcpus,
    q.valid_from AS observed_at
FROM quota_history AS q
LEFT JOIN instance_type_corrected AS t
    ON t.instance_type = $type AND valid_at(t.valid_from, t.valid_until, $as_of)
WHERE valid_at(q.valid_from, q.valid_until, $as_of)
ORDER BY q.account_id, q.region, q.quota_code
