-- Stand-ins for texts that identify people, machines and accounts. The same text has the same
-- stand-in, and the key is needed to find out the text. An id keeps the prefix that gives its kind.
CREATE TEMP MACRO redacted(x) AS
    CASE WHEN x = '' THEN '' ELSE
        regexp_extract(x, '^(ami|cr|eipalloc|eipassoc|eni|i|sir|snap|subnet|vol|vpc)-')
            || substr(sha256(getvariable('redaction_key') || x), 1, 16)
    END;

-- A text from a file stays if it is one of the known values, or matches the known form.
CREATE TEMP MACRO redacted_unknown(known, x) AS CASE WHEN list_contains(known, x) THEN x ELSE redacted(x) END;

CREATE TEMP MACRO redacted_unshaped(form, x) AS
    CASE WHEN regexp_full_match(x, form) THEN x ELSE redacted(x) END;

-- `account/region`, `account/month`, `account/region/request`. Regions, periods and `*` stay.
CREATE TEMP MACRO redacted_scope(x) AS
    array_to_string(
        list_transform(
            string_split(x, '/'),
            lambda part: redacted_unshaped('\*|[0-9]{4}-[0-9]{2}(-[0-9]{2})?|' || {region}, part)
        ),
        '/'
    );

CREATE TEMP MACRO redacted_list(x) AS list_transform(x, lambda y: redacted(y));

-- A JSON object of texts. Any other text becomes one stand-in.
CREATE TEMP MACRO redacted_object(x) AS
    CASE WHEN json_valid(x) THEN CAST(to_json(map(
        list_transform(json_keys(CAST(x AS JSON)), lambda k: redacted(k)),
        list_transform(
            map_values(CAST(CAST(x AS JSON) AS MAP(VARCHAR, VARCHAR))), lambda v: redacted(v)
        )
    )) AS VARCHAR) ELSE redacted(x) END;

-- The run of a public dataset stays, unless its name contains the number of an account.
CREATE TEMP MACRO redacted_run(x) AS
    CASE WHEN regexp_matches(x, '(^|[^0-9])[0-9]{12}([^0-9]|$)') THEN redacted(x) ELSE x END;
