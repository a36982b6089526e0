-- Collection runs with their outcomes and gaps, newest first.
-- $dataset dataset = all  dataset name, or all
-- $scopes texts = all  region codes joined by commas, or all; the scope * is always included
-- $as_of timestamp = now  runs with data at or before this instant; prices carry their own instants
SELECT run_id, dataset, scope, source, observed_from, observed_at, outcome, row_count, gaps
FROM collection_run
WHERE ($dataset = 'all' OR dataset = $dataset)
    AND ($scopes = 'all' OR scope = '*'
        OR list_contains(string_split($scopes, ','), scope)
        OR list_contains(string_split($scopes, ','), split_part(scope, '/', 2)))
    AND observed_from <= $as_of
ORDER BY observed_at DESC, dataset, scope, run_id
