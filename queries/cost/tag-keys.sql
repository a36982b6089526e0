-- Tag keys of the charges, most frequent first, without the prefixes that reports add: user:Name
-- and user_name are spellings of a key that cost/by-tag finds.
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT bare_tag_key(key) AS tag_key, CAST(sum(lines) AS BIGINT) AS lines
FROM charge_tag_key($as_of)
GROUP BY tag_key
ORDER BY lines DESC, tag_key
