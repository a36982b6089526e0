-- Writes the invented bill as AWS delivers a report in Parquet: amounts as doubles, instants as
-- timestamps, row groups of DuckDB's size.
COPY (
    SELECT * REPLACE (
        CAST("bill/BillingPeriodStartDate" AS TIMESTAMP) AS "bill/BillingPeriodStartDate",
        CAST("bill/BillingPeriodEndDate" AS TIMESTAMP) AS "bill/BillingPeriodEndDate",
        CAST("lineItem/UsageStartDate" AS TIMESTAMP) AS "lineItem/UsageStartDate",
        CAST("lineItem/UsageEndDate" AS TIMESTAMP) AS "lineItem/UsageEndDate",
        CAST("lineItem/UsageAmount" AS DOUBLE) AS "lineItem/UsageAmount",
        CAST("lineItem/UnblendedCost" AS DOUBLE) AS "lineItem/UnblendedCost",
        CAST("lineItem/BlendedCost" AS DOUBLE) AS "lineItem/BlendedCost",
        CAST("pricing/publicOnDemandCost" AS DOUBLE) AS "pricing/publicOnDemandCost"
    )
    FROM read_csv('{csv}', all_varchar = true)
) TO '{parquet}' (FORMAT parquet, COMPRESSION snappy);
