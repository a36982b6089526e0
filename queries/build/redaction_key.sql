-- The key of the stand-ins, as a variable of the connection. So the key is in no text of SQL.
SET VARIABLE redaction_key = ?
