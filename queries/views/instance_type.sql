-- The current row of each instance type, with the manufacturers' corrections.
CREATE VIEW instance_type AS
SELECT * EXCLUDE (valid_from, valid_until) FROM instance_type_corrected WHERE valid_until IS NULL
