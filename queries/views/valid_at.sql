-- Whether a row of a history was the newest data at an instant. DuckDB puts the body in the place
-- of the call, so filters still reach the tables and files. In Spark:
-- CREATE FUNCTION valid_at(valid_from TIMESTAMP, valid_until TIMESTAMP, instant TIMESTAMP)
-- RETURNS BOOLEAN RETURN valid_from <= instant AND (valid_until IS NULL OR valid_until > instant).
CREATE MACRO valid_at(valid_from, valid_until, instant) AS
    valid_from <= instant AND (valid_until IS NULL OR valid_until > instant)
