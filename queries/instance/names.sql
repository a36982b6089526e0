-- Names of instance types, also of those that AWS no longer offers: types that were described,
-- offered or priced.
-- $as_of timestamp = now  use data at or before this instant
SELECT instance_type FROM instance_type_history WHERE valid_from <= $as_of
UNION
SELECT instance_type FROM offering_history WHERE valid_from <= $as_of
UNION
SELECT instance_type FROM price_history WHERE valid_from <= $as_of
ORDER BY instance_type
