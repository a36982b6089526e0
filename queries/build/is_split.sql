-- Whether the report of a linked account ends only a part of another statement's lines.
SELECT count(*) > 0 FROM {dataset}_statement WHERE only_account IS NOT NULL
