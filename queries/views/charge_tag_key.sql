-- The tag keys of the bill lines that were valid at an instant, in the spelling of their file, with
-- the number of lines. For one question the warehouse puts a macro of the same name before this one
-- (build/bill_tags.sql).
CREATE MACRO charge_tag_key(instant) AS TABLE
SELECT key, count(*) AS lines
FROM (
    SELECT unnest(json_keys(CASE WHEN json_valid(tags) THEN CAST(tags AS JSON) END)) AS key
    FROM charge_history
    WHERE valid_at(valid_from, valid_until, instant)
)
GROUP BY key
