-- cost/by-account
SELECT "lineItem/CurrencyCode", "bill/PayerAccountId", "lineItem/UsageAccountId", "lineItem/LineItemType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/by-day
SELECT "lineItem/CurrencyCode", CAST("lineItem/UsageStartDate" AS DATE) AS day, "lineItem/LineItemType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/by-kind
SELECT "lineItem/CurrencyCode", "lineItem/LineItemType", sum("lineItem/UnblendedCost"), count(*)
FROM '{copy}' GROUP BY ALL;
-- cost/by-service
SELECT "lineItem/CurrencyCode", "product/ProductName", "lineItem/LineItemType", sum("lineItem/UnblendedCost"),
    count(*) FROM '{copy}' GROUP BY ALL;
-- cost/by-tag --param tag=Team
SELECT "lineItem/CurrencyCode", "resourceTags/user:Team", "lineItem/LineItemType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/tag-keys
SELECT count("resourceTags/user:Name"), count("resourceTags/user:Team") FROM '{copy}';
-- cost/by-tag --param tag=Name
SELECT "lineItem/CurrencyCode", "resourceTags/user:Name", "lineItem/LineItemType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/newest-usage
SELECT max("lineItem/UsageStartDate") FROM '{copy}';
-- cost/daily-leaves
SELECT "lineItem/CurrencyCode", CAST("lineItem/UsageStartDate" AS DATE) AS day, "lineItem/LineItemType",
    "lineItem/UsageAccountId", "product/ProductName", "product/region", "lineItem/UsageType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/daily --param month=latest
SELECT "lineItem/CurrencyCode", CAST("lineItem/UsageStartDate" AS DATE) AS day, "lineItem/LineItemType",
    sum("lineItem/UnblendedCost"), count(*) FROM '{copy}' GROUP BY ALL;
-- cost/priced-usage --param since={since} --param until={until}
SELECT "lineItem/CurrencyCode", "lineItem/LineItemType", "lineItem/UsageAccountId", "product/ProductName",
    "product/region", "lineItem/UsageType", "pricing/unit", sum("lineItem/UnblendedCost"),
    sum("pricing/publicOnDemandCost"), sum("lineItem/UsageAmount"), count(*) FROM '{copy}' GROUP BY ALL;
