-- Keys of tags. Reports spell one key in several ways: `user:CostCenter`, `user_cost_center`,
-- `resource_tags_user_cost_center`, `resourceTags/user:CostCenter`, `accountTag/CostCenter`. The
-- stored key is the spelling of the file. These macros have counterparts in
-- crates/catalog/src/tag_key.rs, and a test compares them. In Spark, create them as SQL functions
-- with the same bodies and `->` in the lambdas.

-- A key without the prefix that a report adds. `aws:createdBy` keeps its prefix, which is part of
-- the key.
CREATE MACRO bare_tag_key(key) AS
    regexp_replace(
        key,
        '(?s)^(?:resourceTags/|resource_tags_|accountTag/|userAttribute/|iamPrincipal/)?(?:user:|user_)?(.+)$',
        '\1'
    );

-- The normal form of a bare key: its letters in lower case and its digits, which every
-- spelling keeps.
CREATE MACRO plain_tag_key(bare) AS regexp_replace(lower(bare), '[^0-9a-z[:^ascii:]]+', '', 'g');

-- The key that `asked` stands for among `keys`. A prefix in `asked` is part of the key if a key is
-- spelled so.
CREATE MACRO asked_tag_key(keys, asked) AS
    CASE
        WHEN list_contains(keys, asked) AND regexp_matches(asked, '^user_|/') THEN asked
        ELSE bare_tag_key(asked)
    END;

CREATE MACRO is_exact_tag_key(key, name) AS key = name OR bare_tag_key(key) = name;

-- Whether a key has lost its upper case in the report, so that it can stand for several tags.
CREATE MACRO is_lowered_tag_key(key) AS key = lower(key) AND regexp_matches(key, '^(aws_|resource_tags_|user_)');

CREATE MACRO is_alike_tag_key(key, name) AS
    plain_tag_key(name) <> '' AND plain_tag_key(bare_tag_key(key)) = plain_tag_key(name);

-- The keys that spell `name`. Keys with another use of upper case count only if no key that keeps
-- its case has the case of `name`: `team` and `Team` are two tags.
CREATE MACRO keys_of_tag(keys, name) AS
    list_sort(
        list_filter(keys, lambda key: is_exact_tag_key(key, name)
            OR (is_alike_tag_key(key, name)
                AND (is_lowered_tag_key(key)
                    OR len(list_filter(
                        keys,
                        lambda other: is_exact_tag_key(other, name) AND NOT is_lowered_tag_key(other)
                    )) = 0)))
    );

-- The keys among `keys` that one name finds. A line's value is that of the first key it has, so
-- tags of resources come before those of accounts, users and principals.
CREATE MACRO keys_of_name(keys, name) AS
    list_concat(
        list_filter(keys_of_tag(keys, asked_tag_key(keys, name)), lambda key: NOT contains(key, '/')),
        list_filter(keys_of_tag(keys, asked_tag_key(keys, name)), lambda key: contains(key, '/'))
    );

-- The keys among `keys` that `asked` finds: one name, or several on a line each, the first ones
-- first.
CREATE MACRO matching_tag_keys(keys, asked) AS
    flatten(list_transform(string_split(asked, chr(10)), lambda name: keys_of_name(keys, name)));

-- The value of the first of these keys that an object of tags has.
CREATE MACRO first_tag_value(object, keys) AS
    list_first(list_filter(
        list_transform(keys, lambda key: object ->> ('$."' || key || '"')), lambda value: value IS NOT NULL
    ))
