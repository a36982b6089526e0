-- Removes the limit of bill_view.sql and the macros of bill_tags.sql and bill_sums.sql.
DROP MACRO TABLE IF EXISTS temp.charge_total_of_tag;
DROP MACRO TABLE IF EXISTS temp.charge_sum_of_tag;
DROP MACRO TABLE IF EXISTS temp.charge_sum_of_month;
DROP VIEW IF EXISTS temp.charge_sum_history;
DROP MACRO TABLE IF EXISTS temp.charge_of_tag;
DROP MACRO TABLE IF EXISTS temp.charge_tag_key;
DROP VIEW IF EXISTS temp.charge_history;
DROP MACRO IF EXISTS temp.lines_with;
