-- The column `extra` or `tags` of files that have its entries in columns: a JSON object of the
-- entries with a text.
coalesce({known}, nullif('{' || concat_ws(',', {entries}{others}[2:-2]) || '}', '{}')) AS {name}
