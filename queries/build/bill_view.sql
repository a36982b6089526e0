-- Limits the bill lines, for one question, to the files that can contain lines of its month. The
-- columns of tags come from the files. Hides the view of the same name, in this connection only.
CREATE OR REPLACE TEMP VIEW charge_history AS
{parts}
