-- A column with the stand-ins that a macro of redact.sql makes.
{macro}({arguments}{column}) AS {column}