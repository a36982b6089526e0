-- What was collected, when, and what could not be seen, newest first.
-- $dataset text = all  one dataset, or all
-- $scopes texts = all  regions joined by commas, or all; what speaks for everything is always there
-- $as_of timestamp = now  runs that speak of this instant or an earlier one; prices carry instants of their own
SELECT run_id, dataset, scope, source, observed_from, observed_at, outcome, row_count, gaps
FROM collection_run
WHERE ($dataset = 'all' OR dataset = $dataset)
    AND ($scopes = 'all' OR scope = '*'
        OR list_contains(string_split($scopes, ','), scope)
        OR list_contains(string_split($scopes, ','), split_part(scope, '/', 2)))
    AND observed_from <= $as_of
ORDER BY observed_at DESC, dataset, scope, run_id
