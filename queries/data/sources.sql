-- Where each dataset's rows are from, and of when they are.
-- $as_of timestamp = now  runs that speak of this instant or an earlier one
SELECT
    dataset,
    source,
    max(observed_at) AS observed_at,
    CAST(sum(row_count) AS BIGINT) AS row_count,
    count(DISTINCT CASE WHEN outcome IN ('complete', 'partial') THEN scope END) AS scopes,
    flatten(list(gaps ORDER BY observed_at DESC, scope)) AS gaps
FROM collection_run
WHERE observed_at <= $as_of
GROUP BY dataset, source
ORDER BY dataset, observed_at DESC, source
