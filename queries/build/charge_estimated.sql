-- The column `estimated` of files that lack it. Only Cost Explorer marks a day as estimated;
-- `extra` of other sources is ignored.
CASE WHEN source_format = 'cost-explorer' THEN coalesce(extra LIKE '%"Estimated":"true"%', false) END AS estimated