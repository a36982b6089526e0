-- An entry of the JSON object `extra`: its quoted key with a colon, and its text; null without a
-- text. In Spark: CREATE FUNCTION extra_entry(key STRING, text STRING) RETURNS STRING
-- RETURN key || to_json(text).
CREATE MACRO extra_entry(key, text) AS
    key || CASE WHEN text IS NOT NULL THEN CAST(to_json(text) AS VARCHAR) END
