-- The column `extra` of files that have its entries in columns: a JSON object of the entries with a
-- text.
coalesce({known}, nullif('{' || concat_ws(',', {entries}other_extra[2:-2]) || '}', '{}')) AS extra
