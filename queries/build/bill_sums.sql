-- Puts daily sums before the lines of the files that have them, for one question and in this
-- connection only. charge_history has the lines of the other files. loose_tags has the tags of a
-- line without a column; tag_lines counts the lines of a row for each tag without a column in the
-- sums; of_value is the asked tag's value in rows by its values.
CREATE OR REPLACE TEMP VIEW charge_sum_history AS
{parts};

CREATE OR REPLACE TEMP MACRO charge_sum_of_month(wanted, instant) AS TABLE
SELECT * FROM charge_line_of_month(wanted, instant)
UNION ALL BY NAME
SELECT *
FROM charge_sum_history
WHERE valid_at(valid_from, valid_until, instant)
    AND (wanted = 'all'
        OR (billing_period_start >= billing_month_start(wanted, instant)
            AND billing_period_start < billing_month_start(wanted, instant) + INTERVAL 1 MONTH));

CREATE OR REPLACE TEMP MACRO charge_sum_of_tag(wanted, instant, asked) AS TABLE
SELECT *, {value} AS tag_value FROM charge_sum_of_month(wanted, instant);

CREATE OR REPLACE TEMP MACRO charge_total_of_tag(wanted, instant, asked) AS TABLE
SELECT
    billing_currency, charge_category, billed_cost, counted_effective_cost, lines, counted_lines, stated_lines,
    coalesce({value}, of_value) AS tag_value
FROM charge_sum_of_month(wanted, instant);

CREATE OR REPLACE TEMP MACRO lines_with(tag, lines) AS coalesce(sum(lines) FILTER (tag IS NOT NULL), 0);

CREATE OR REPLACE TEMP MACRO charge_tag_key(instant) AS TABLE
WITH line AS (SELECT * FROM charge_sum_of_month('all', instant)),
known AS (
    SELECT unnest(CAST([{keys}] AS VARCHAR[])) AS key, unnest(CAST([{counts}] AS BIGINT[])) AS lines
    FROM line
    UNION ALL
    SELECT key, count(*) AS lines
    FROM (SELECT unnest(json_keys(loose_tags)) AS key FROM line WHERE loose_tags IS NOT NULL)
    GROUP BY key
    UNION ALL
    SELECT tag.key, tag.lines
    FROM (SELECT unnest(tag_lines) AS tag FROM line WHERE tag_lines IS NOT NULL)
)
SELECT key, CAST(sum(lines) AS BIGINT) AS lines
FROM known
GROUP BY key
HAVING sum(lines) > 0;
