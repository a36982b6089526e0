-- Stand-ins for texts that identify people, machines and accounts. The same text has the same
-- stand-in, and the key is needed to find out the text. An id keeps the prefix that gives its kind.
CREATE TEMP MACRO redacted(x) AS
    CASE WHEN x = '' THEN '' ELSE
        regexp_extract(x, '^(ami|cr|eipalloc|eipassoc|eni|i|sir|snap|subnet|vol|vpc)-')
            || substr(sha256({key} || x), 1, 16)
    END;

CREATE TEMP MACRO redacted_list(x) AS list_transform(x, lambda y: redacted(y));

-- `account`, `account/region`, `account/month` and `account/ACCOUNT+…/month`. A public scope has
-- neither a slash nor 12 digits.
CREATE TEMP MACRO is_of_account(x) AS contains(x, '/') OR regexp_full_match(x, '\d{12}');

CREATE TEMP MACRO redacted_scope(x) AS
    CASE
        WHEN regexp_full_match(x, '[^/]*/[^/]*/\d{4}-\d{2}')
        THEN redacted(split_part(x, '/', 1)) || '/'
            || array_to_string(redacted_list(string_split(split_part(x, '/', 2), '+')), '+')
            || '/' || split_part(x, '/', 3)
        WHEN is_of_account(x) THEN redacted(split_part(x, '/', 1)) || coalesce(regexp_extract(x, '/.*'), '')
        ELSE x
    END;

-- A JSON object of texts. Any other text becomes one stand-in.
CREATE TEMP MACRO redacted_object(x) AS
    CASE WHEN json_valid(x) THEN CAST(to_json(map(
        list_transform(json_keys(CAST(x AS JSON)), lambda k: redacted(k)),
        list_transform(
            map_values(CAST(CAST(x AS JSON) AS MAP(VARCHAR, VARCHAR))), lambda v: redacted(v)
        )
    )) AS VARCHAR) ELSE redacted(x) END;

-- A run's text about an account becomes a stand-in; a text about public data stays.
CREATE TEMP MACRO redacted_of(scope, x) AS CASE WHEN is_of_account(scope) THEN redacted(x) ELSE x END;

CREATE TEMP MACRO redacted_gaps(scope, x) AS CASE WHEN is_of_account(scope) THEN redacted_list(x) ELSE x END;
