COPY (
    WITH rate AS (
        SELECT *
        FROM read_csv('{csv}', skip = 5, header = true, all_varchar = true)
        WHERE "Product Family" IN ('Compute Instance', 'Compute Instance (bare metal)')
            AND CapacityStatus = 'Used' AND MarketOption = 'OnDemand' AND Tenancy IN ('Shared', 'Dedicated')
    )
    SELECT
        "Instance Type" AS instance_type,
        "Region Code" AS region,
        "Operating System" AS os,
        lower(Tenancy) AS tenancy,
        "License Model" AS licence,
        "Pre Installed S/W" AS software,
        TermType AS term,
        LeaseContractLength AS lease,
        PurchaseOption AS payment,
        OfferingClass AS offering_class,
        sum(CASE Unit
            WHEN 'Quantity' THEN CAST(CAST(PricePerUnit AS DECIMAL(18,10)) / (CASE LeaseContractLength WHEN '1yr' THEN 8760 ELSE 26280 END) AS DECIMAL(18,10))
            ELSE CAST(PricePerUnit AS DECIMAL(18,10))
        END) AS price_per_hour,
        Currency AS currency,
        sum(CASE Unit WHEN 'Quantity' THEN CAST(PricePerUnit AS DECIMAL(18,10)) END) AS upfront_price,
        CAST(any_value(EffectiveDate) AS TIMESTAMP) AS effective_from,
        SKU AS sku
    FROM rate
    GROUP BY ALL
) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd);
