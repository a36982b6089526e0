-- Removes the limit of bill_view.sql and the macros of bill_tags.sql.
DROP MACRO TABLE IF EXISTS temp.charge_of_tag;
DROP MACRO TABLE IF EXISTS temp.charge_tag_key;
DROP VIEW IF EXISTS temp.charge_history;
