-- An entry of a JSON object, `tags` or `extra`: its quoted key with a colon, and its text; null
-- without a text. In Spark: CREATE FUNCTION object_entry(key STRING, text STRING) RETURNS STRING
-- RETURN key || to_json(text).
CREATE MACRO object_entry(key, text) AS
    key || CASE WHEN text IS NOT NULL THEN CAST(to_json(text) AS VARCHAR) END
