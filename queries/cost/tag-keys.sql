-- Tag keys of the charges, most frequent first, without the prefixes that reports add: user:Name
-- and user_name are spellings of a key that cost/by-tag finds.
-- $as_of timestamp = now  use the newest data at or before this instant
WITH keys AS (
    SELECT unnest(json_keys(CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END)) AS spelling
    FROM charge_history
    WHERE valid_from <= $as_of AND (valid_until IS NULL OR valid_until > $as_of)
)
SELECT regexp_replace(spelling, '^user[:_]', '') AS tag_key, count(*) AS lines
FROM keys
GROUP BY tag_key
ORDER BY lines DESC, tag_key
