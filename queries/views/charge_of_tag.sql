-- The bill lines of charge_of_month with the value of one tag; null in lines without it, and
-- (unreadable) in lines with tags that could not be read. The tag is found in each spelling that
-- keys_of_tag lists. For one question the warehouse puts a macro of the same name before this one,
-- which reads the stored column of the tag (build/bill_tags.sql).
CREATE MACRO charge_of_tag(wanted, instant, asked) AS TABLE
WITH line AS (
    SELECT *, CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END AS tag_object
    FROM charge_of_month(wanted, instant)
),
known AS (
    SELECT coalesce(list(DISTINCT key), []) AS keys
    FROM (SELECT unnest(json_keys(tag_object)) AS key FROM line)
),
matching AS (SELECT matching_tag_keys(keys, asked) AS keys FROM known)
SELECT
    line.* EXCLUDE (tag_object),
    coalesce(
        first_tag_value(tag_object, matching.keys),
        CASE WHEN (tag_object ->> '$."(unreadable)"') IS NOT NULL THEN '(unreadable)' END
    ) AS tag_value
FROM line, matching
