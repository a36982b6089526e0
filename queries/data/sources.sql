-- Where each dataset's rows are from, of when they are, and what could not be seen.
-- $scopes texts = all  regions joined by commas, or all; what speaks for everything is always there
-- $as_of timestamp = now  runs that speak of this instant or an earlier one
SELECT
    dataset,
    source,
    min(observed_from) AS observed_from,
    max(observed_at) AS observed_at,
    CAST(sum(row_count) AS BIGINT) AS row_count,
    count(DISTINCT CASE WHEN outcome IN ('complete', 'partial') THEN scope END) AS scopes,
    flatten(list(gaps ORDER BY observed_at DESC, scope)) AS gaps
FROM collection_run
WHERE observed_at <= $as_of
    AND ($scopes = 'all' OR scope = '*' OR list_contains(string_split($scopes, ','), scope))
GROUP BY dataset, source
ORDER BY dataset, observed_at DESC, source
