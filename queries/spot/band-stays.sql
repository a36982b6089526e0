-- How often a spot interruption rate was the same after some days: pairs of statements of AWS's
-- spot advisor whose distance is nearest to it, rate by rate. Types and regions that only one of
-- the two statements has are left out.
-- $days int = 90  distance of the statements, days; the nearest pairs have half to twice as many
-- $os linux|windows = linux  operating system
-- $as_of timestamp = now  use the statements at or before this instant
WITH statement AS (
    SELECT DISTINCT observed_at FROM interruption_history WHERE os = $os AND valid_from <= $as_of
),
pair AS (
    SELECT
        earlier.observed_at AS earlier_at,
        later.observed_at AS later_at,
        date_diff('day', earlier.observed_at, later.observed_at) AS days
    FROM statement AS earlier
    JOIN statement AS later ON later.observed_at > earlier.observed_at
    WHERE days BETWEEN $days / 2 AND 2 * $days
    -- Of each later statement, the pair with the nearest distance.
    QUALIFY row_number() OVER (PARTITION BY later_at ORDER BY abs(days - $days), earlier_at DESC) = 1
)
SELECT
    earlier.band,
    count(*) AS compared,
    count(*) FILTER (WHERE later.band = earlier.band) AS same,
    CAST(count(*) FILTER (WHERE later.band = earlier.band) AS DOUBLE) / count(*) AS same_share,
    CAST(count(*) FILTER (WHERE later.band = 4) AS DOUBLE) / count(*) AS highest_share,
    min(pair.days) AS days_from,
    max(pair.days) AS days_until
FROM pair
JOIN interruption_history AS earlier ON earlier.observed_at = pair.earlier_at AND earlier.os = $os
JOIN interruption_history AS later ON later.observed_at = pair.later_at AND later.os = $os
    AND later.instance_type = earlier.instance_type AND later.region = earlier.region
WHERE earlier.valid_from <= $as_of AND later.valid_from <= $as_of
GROUP BY earlier.band
ORDER BY earlier.band
