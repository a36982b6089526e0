-- Instance types that one region offers and another does not. Empty if the other region was not
-- collected.
-- $region region  region code of the region that offers them
-- $other region  region code of the region that does not
-- $as_of timestamp = now  use the newest data at or before this instant
SELECT DISTINCT here.instance_type
FROM offering_history AS here
WHERE here.region = $region
    AND valid_at(here.valid_from, here.valid_until, $as_of)
    AND NOT EXISTS (
        SELECT 1 FROM offering_history AS there
        WHERE there.region = $other AND there.instance_type = here.instance_type
            AND valid_at(there.valid_from, there.valid_until, $as_of)
    )
    AND EXISTS (
        SELECT 1 FROM collection_run AS run
        WHERE run.dataset = 'offering' AND run.scope = $other AND run.observed_at <= $as_of
            AND run.outcome IN ('complete', 'partial', 'empty')
    )
ORDER BY here.instance_type
