-- The day of a charge: that on which it begins, or the nearest day of its billing month, so that
-- the days of a month add up to its bill.
CREATE MACRO charge_day(charge_start, period_start) AS (
    CAST(greatest(
        date_trunc('month', period_start),
        least(charge_start, date_trunc('month', period_start) + INTERVAL 1 MONTH - INTERVAL 1 DAY)
    ) AS DATE)
)
