-- The first instant of a billing month: of one such as 2026-11, or of the newest one of any account
-- (`latest`) at an instant. Null for a text that is no month.
CREATE MACRO billing_month_start(wanted, instant) AS (
    SELECT try_cast(CASE wanted WHEN 'latest' THEN month ELSE wanted END || '-01' AS TIMESTAMP)
    FROM (
        SELECT max(substr(regexp_extract(scope, '[^/]*$'), 1, 7)) AS month
        FROM charge_statement
        WHERE valid_at(valid_from, valid_until, instant)
    )
)
