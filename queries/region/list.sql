-- Regions, with how many zones, types and Linux on-demand prices are known there.
-- $as_of timestamp = now  the newest statement at or before this instant
SELECT
    r.region,
    r.partition,
    r.name,
    (SELECT count(DISTINCT z.az_id) FROM zone_history AS z
     WHERE z.region = r.region AND z.valid_from <= $as_of AND (z.valid_until IS NULL OR z.valid_until > $as_of)
    ) AS zones,
    (SELECT count(DISTINCT o.instance_type) FROM offering_history AS o
     WHERE o.region = r.region AND o.valid_from <= $as_of AND (o.valid_until IS NULL OR o.valid_until > $as_of)
    ) AS instance_types,
    (SELECT count(DISTINCT p.instance_type) FROM price_history AS p
     WHERE p.region = r.region AND p.os = 'linux' AND p.term = 'on-demand'
        AND p.valid_from <= $as_of AND (p.valid_until IS NULL OR p.valid_until > $as_of)
    ) AS priced_types
FROM region_history AS r
WHERE r.valid_from <= $as_of AND (r.valid_until IS NULL OR r.valid_until > $as_of)
ORDER BY r.region
