-- On-demand vCPUs in use by account, region and instance type: of instances that run, and of free
-- instances in capacity reservations, which count against the quota too. An account and region with
-- collected instances has a row without a type even if nothing runs there.
-- $as_of timestamp = now  use the newest data at or before this instant
WITH described AS (
    SELECT instance_type, vcpus
    FROM instance_type_corrected
    WHERE valid_at(valid_from, valid_until, $as_of)
),
counted AS (
    SELECT account_id, region, instance_type, count(*) AS instances
    FROM instance_history
    WHERE valid_at(valid_from, valid_until, $as_of)
        AND state IN ('pending', 'running') AND lifecycle IS DISTINCT FROM 'spot'
    GROUP BY account_id, region, instance_type
    UNION ALL
    SELECT owner_id, region, instance_type, sum(available)
    FROM capacity_history
    WHERE valid_at(valid_from, valid_until, $as_of)
        AND state = 'active' AND kind = 'default' AND available > 0
        AND (ends_at IS NULL OR ends_at > $as_of)
    GROUP BY owner_id, region, instance_type
),
seen AS (
    SELECT DISTINCT split_part(scope, '/', 1) AS account_id, split_part(scope, '/', 2) AS region
    FROM collection_run
    WHERE dataset = 'instance' AND outcome IN ('complete', 'empty', 'unchanged') AND observed_at <= $as_of
)
SELECT seen.account_id, seen.region, NULL AS instance_type, CAST(0 AS BIGINT) AS instances, CAST(0 AS BIGINT) AS vcpus
FROM seen
UNION ALL
SELECT
    counted.account_id,
    counted.region,
    counted.instance_type,
    CAST(sum(counted.instances) AS BIGINT),
    CAST(sum(counted.instances) * any_value(described.vcpus) AS BIGINT)
FROM counted
JOIN seen ON seen.account_id = counted.account_id AND seen.region = counted.region
LEFT JOIN described ON described.instance_type = counted.instance_type
GROUP BY counted.account_id, counted.region, counted.instance_type
ORDER BY account_id, region, instance_type NULLS FIRST
