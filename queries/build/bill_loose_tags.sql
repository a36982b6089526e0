-- The keys of the tags without a column, in the lines of charge_history.
SELECT DISTINCT unnest(json_keys(loose_tags)) AS key FROM charge_history WHERE loose_tags IS NOT NULL
