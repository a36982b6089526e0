-- Puts macros that read the columns of tags before views/charge_of_tag.sql and
-- views/charge_tag_key.sql, in this connection only. `loose_tags` has the tags without a column.
CREATE OR REPLACE TEMP MACRO charge_of_tag(wanted, instant, asked) AS TABLE
SELECT *, {value} AS tag_value FROM charge_of_month(wanted, instant);

CREATE OR REPLACE TEMP MACRO charge_tag_key(instant) AS TABLE
WITH line AS (SELECT * FROM charge_history WHERE valid_at(valid_from, valid_until, instant)),
known AS (
    SELECT unnest(CAST([{keys}] AS VARCHAR[])) AS key, unnest(CAST([{counts}] AS BIGINT[])) AS lines
    FROM line
    UNION ALL
    SELECT key, count(*) AS lines
    FROM (SELECT unnest(json_keys(loose_tags)) AS key FROM line WHERE loose_tags IS NOT NULL)
    GROUP BY key
)
SELECT key, CAST(sum(lines) AS BIGINT) AS lines
FROM known
GROUP BY key
HAVING sum(lines) > 0;
