-- The keys that a tag's name finds, in the order in which a line's value is taken.
-- $keys text  the known keys, one a line
-- $asked text  the name
SELECT unnest(matching_tag_keys(string_split($keys, chr(10)), $asked)) AS key
