//! The attack corpus: SQL statements that a user could type, and the expected result of each.

use super::{BAD, REFUSED, Room};

/// The message for a statement that is not on the allow-list.
const ONLY_SELECT: &str = "only SELECT can run here";

#[test]
fn statements_that_change_something_are_refused() {
    let room = Room::default();
    for sql in [
        "COPY zone TO '{home}/new.csv'",
        "COPY zone TO '{db}'",
        "COPY zone TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
        "COPY (SELECT 1) TO '{db}.wal' (FORMAT csv, USE_TMP_FILE false)",
        "COPY zone TO '{parquet}' (FORMAT parquet, USE_TMP_FILE false)",
        "COPY zone TO '{parquet}' (FORMAT parquet, OVERWRITE true)",
        "COPY zone TO '{home}' (FORMAT parquet, PARTITION_BY (region))",
        "COPY zone TO '/dev/stdout'",
        "COPY zone TO '/proc/self/fd/1' (FORMAT csv)",
        "COPY zone FROM '{home}/secret.csv'",
        "COPY FROM DATABASE system TO system",
        "EXPLAIN ANALYZE COPY zone TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
        "EXPLAIN (ANALYZE) COPY zone TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
        "EXPLAIN (FORMAT json, ANALYZE true) COPY zone TO '{parquet}' (FORMAT csv, USE_TMP_FILE false)",
        "EXPLAIN/**/ANALYZE/**/COPY zone TO '{db}' (FORMAT csv)",
        "explain\tAnalyze\n--x\nCOPY zone TO '{home}/new.csv'",
        "/* EXPLAIN SELECT 1 */ COPY zone TO '{home}/new.csv'",
        "EXPLAIN\u{a0}ANALYZE\u{2003}COPY zone TO '{home}/new.csv'",
        "EXPLAIN EXPLAIN ANALYZE COPY zone TO '{home}/new.csv'",
        "PREPARE p AS COPY zone TO '{home}/new.csv'",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "DEALLOCATE p",
        "EXPORT DATABASE '{home}/new'",
        "IMPORT DATABASE '{home}'",
        "ATTACH '{home}/new.duckdb'",
        "ATTACH '{db}' AS again (READ_WRITE)",
        "ATTACH IF NOT EXISTS ':memory:' AS m",
        "DETACH system",
        "USE temp",
        "INSTALL httpfs",
        "INSTALL httpfs FROM 'http://127.0.0.1:9/'",
        "LOAD '{home}/secret.txt'",
        "FORCE INSTALL json",
        "UPDATE EXTENSIONS",
        "SET threads = 64",
        "SET GLOBAL enable_external_access = true",
        "SET SESSION memory_limit = '64GiB'",
        "SET home_directory = '{home}'",
        "SET temp_directory = '{home}/new'",
        "SET log_query_path = '{home}/new.log'",
        "SET profiling_output = '{home}/new.json'",
        "SET lock_configuration = false",
        "SET VARIABLE x = 1",
        "RESET disabled_filesystems",
        "RESET memory_limit",
        "PRAGMA enable_profiling = 'json'",
        "PRAGMA threads = 64",
        "PRAGMA database_list",
        "CREATE TABLE t AS SELECT 1",
        "CREATE TEMP TABLE t AS SELECT 1",
        "CREATE TABLE t (a INT DEFAULT (getenv('ROOM_SECRET')::INT))",
        "CREATE VIEW v AS FROM read_text('{home}/secret.txt')",
        "CREATE TEMP MACRO m() AS TABLE FROM read_text('{home}/secret.txt')",
        "CREATE MACRO getenv(x) AS 1",
        "CREATE TYPE t AS ENUM ('a')",
        "CREATE SEQUENCE s",
        "CREATE SCHEMA s",
        "CREATE INDEX i ON zone_history (az_id)",
        "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "CREATE PERSISTENT SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "INSERT INTO zone_history SELECT * FROM zone_history",
        "UPDATE zone_history SET az_id = 'x'",
        "DELETE FROM zone_history",
        "TRUNCATE zone_history",
        "MERGE INTO zone_history USING zone ON true WHEN MATCHED THEN DELETE",
        "DROP VIEW zone",
        "DROP TABLE zone_history",
        "ALTER TABLE zone_history ADD COLUMN x INT",
        "COMMENT ON TABLE zone_history IS 'x'",
        "CALL pragma_version()",
        "CALL enable_logging('QueryLog')",
        "CALL force_checkpoint()",
        "CHECKPOINT",
        "FORCE CHECKPOINT",
        "VACUUM",
        "VACUUM ANALYZE zone_history",
        "ANALYZE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SELECT 1; DROP TABLE zone_history",
        "EXPLAIN SELECT 1; DROP TABLE zone_history",
    ] {
        room.check(sql, REFUSED, ONLY_SELECT);
    }
    room.check("SELECT 1; SELECT 2", REFUSED, "2 statements were given");
    room.check("SELECT 1;/**/;;SELECT 2;", REFUSED, "2 statements were given");
    room.check("EXPLAIN ANALYZE SELECT 1; SELECT 2", REFUSED, "2 statements were given");
    room.check("PIVOT (FROM read_text('{home}/secret.txt')) ON content", REFUSED, "PIVOT can run here only");
    // A statement that DuckDB's grammar does not have is an error, not an attack.
    for sql in [
        "WITH a AS (COPY zone TO '{home}/new.csv') FROM a",
        "WITH a AS (INSERT INTO zone_history FROM zone_history RETURNING *) FROM a",
        "WITH a AS (DELETE FROM zone_history RETURNING *) FROM a",
        "SELECT * FROM (DELETE FROM zone_history)",
        "SELECT 1 INTO new",
        "SELECT * INTO OUTFILE '{home}/new' FROM zone",
        "FROM zone FOR UPDATE",
        "KILL 1",
        "SEL\u{200b}ECT 1",
        "CO/**/PY zone TO '{home}/new.csv'",
        "SELECT 1\0; COPY zone TO '{home}/new.csv'",
        "-- nothing",
        ";;",
        "/* never closed",
        "SELECT $$never closed",
        "SELECT ?",
        "SELECT $a",
    ] {
        room.check(sql, BAD, "");
    }
    room.check_still_answers();
}

#[test]
fn files_and_networks_cannot_be_read() {
    let room = Room::default();
    for call in [
        "read_csv('{home}/secret.csv')",
        "read_csv_auto('{home}/secret.csv')",
        "\"READ_CSV\"('{home}/secret.csv')",
        "main.read_text('{home}/secret.txt')",
        "system.main.read_text('{home}/secret.txt')",
        "read_text/* */('{home}/secret.txt')",
        "read_text($${home}/secret.txt$$)",
        "read_text('/proc/self/environ')",
        "read_blob('{home}/secret.txt')",
        "read_json('{home}/secret.json')",
        "read_json_auto('{home}/secret.json')",
        "read_ndjson_objects('{home}/secret.json')",
        "read_parquet('{parquet}')",
        "read_parquet(['{parquet}', '{home}/secret.txt'])",
        "parquet_scan('{parquet}')",
        "parquet_metadata('{parquet}')",
        "parquet_schema('{parquet}')",
        "parquet_kv_metadata('{parquet}')",
        "parquet_file_metadata('{parquet}')",
        "parquet_bloom_probe('{parquet}', 'az_id', 'x')",
        "read_duckdb('{db}')",
        "sniff_csv('{home}/secret.csv')",
        "glob('{home}/*')",
        "sqlite_scan('{db}', 'zone')",
        "delta_scan('{home}')",
        "query('FROM read_text(''{home}/secret.txt'')')",
        "query_table('{home}/secret.csv')",
        "json_execute_serialized_sql(json_serialize_sql('FROM read_text(''{home}/secret.txt'')'))",
        "seq_scan('zone')",
        "arrow_scan(1, 2, 3)",
        "sql_auto_complete('SEL')",
        "histogram('{home}/secret.csv', a)",
        "duckdb_settings()",
        "duckdb_secrets()",
        "duckdb_databases()",
        "duckdb_extensions()",
        "duckdb_logs()",
        "duckdb_temporary_files()",
        "duckdb_external_file_cache()",
        "duckdb_variables()",
        "which_secret('s3://x', 's3')",
        "pragma_storage_info('zone_history')",
        "pragma_metadata_info()",
        "pragma_database_size()",
        "pragma_user_agent()",
        "enable_profiling()",
        "checkpoint()",
        "truncate_duckdb_logs()",
    ] {
        room.check(&format!("FROM {call}"), REFUSED, "is not allowed here");
    }
    let text = "read_text('{home}/secret.txt')";
    for sql in [
        "SELECT (SELECT content FROM {})",
        "SELECT ARRAY(SELECT content FROM {})",
        "SELECT EXISTS(FROM {})",
        "SELECT 1 WHERE 'x' IN (SELECT content FROM {})",
        "WITH a AS MATERIALIZED (FROM {}) FROM a",
        "WITH a AS (WITH b AS (FROM {}) FROM b) FROM a",
        "WITH RECURSIVE a AS (SELECT '' AS x UNION ALL SELECT content FROM {}) FROM a LIMIT 9",
        "SELECT content FROM {} UNION ALL SELECT 'x'",
        "SELECT 'x' EXCEPT SELECT content FROM {}",
        "FROM zone, LATERAL (SELECT content FROM {})",
        "FROM zone JOIN {} ON true",
        "FROM zone POSITIONAL JOIN {}",
        "FROM zone SEMI JOIN {} t ON t.content = az_id",
        "FROM zone ORDER BY (SELECT content FROM {})",
        "FROM zone LIMIT (SELECT size FROM {})",
        "FROM zone LIMIT 1 OFFSET (SELECT size FROM {})",
        "SELECT count(*) FROM zone GROUP BY ALL HAVING count(*) > (SELECT size FROM {})",
        "SELECT az_id FROM zone QUALIFY row_number() OVER () > (SELECT size FROM {})",
        "SELECT list_transform([1], x -> (SELECT content FROM {}))",
        "SELECT * REPLACE ((SELECT content FROM {}) AS az_id) FROM zone",
        "SELECT sum(1) FILTER (WHERE (SELECT size FROM {}) > 0) FROM zone",
        "PIVOT (FROM {}) ON filename IN ('x') USING first(content)",
        "UNPIVOT (FROM {}) ON content",
        "FROM summary((FROM {}))",
        "VALUES ((SELECT content FROM {}))",
        "FROM (VALUES ((SELECT content FROM {})))",
        "DESCRIBE FROM {}",
        "SUMMARIZE FROM {}",
        "EXPLAIN FROM {}",
        "EXPLAIN ANALYZE FROM {}",
        "-- why\nEXPLAIN (ANALYZE, FORMAT json) FROM {}",
        "FROM {} SELECT content",
        "\u{feff}FROM {}",
        "FROM\u{3000}{}",
    ] {
        room.check(&sql.replace("{}", text), REFUSED, "read_text is not allowed here");
    }
    for name in [
        "'/etc/passwd'",
        "'{home}/secret.csv'",
        "\"{home}/secret.csv\"",
        "'secret.csv'",
        "'secret.json'",
        "'{home}/*.csv'",
        "'{parquet}'",
        "\"{parquet}\"",
        "'{db}'",
        "'file://{home}/secret.csv'",
        "'http://127.0.0.1:9/x.parquet'",
        "'https://127.0.0.1:9/x.csv'",
        "'s3://bucket/x.parquet'",
        "'/proc/self/fd/0'",
        "'/dev/stdin'",
        "'~/secret.csv'",
    ] {
        room.check(&format!("FROM {name}"), REFUSED, "names a file, and only tables can be read here");
    }
    for sql in ["TABLE {}", "SUMMARIZE {}", "DESCRIBE {}", "SHOW {}", "WITH a AS (FROM {}) FROM a"] {
        let sql = sql.replace("{}", "'secret.csv'");
        room.check(&sql, REFUSED, "names a file, and only tables can be read here");
    }
    for name in ["secret.csv", "secret.json"] {
        room.check(&format!("FROM {name}"), REFUSED, "is not a table: there is no schema");
    }
    // Only the warehouse's own database is allowed. Any other first part can be the start of a file
    // name.
    for name in [
        "secret.main.csv",
        "secret.pg_catalog.csv",
        "home.user.parquet",
        "memory.main.zone",
        "temp.main.zone",
    ] {
        room.check(&format!("FROM {name}"), REFUSED, "is not a table: there is no database");
    }
    room.check("FROM pragma_table_info('{home}/secret.csv')", BAD, "does not exist");
    room.check_still_answers();
}

#[test]
fn settings_and_the_environment_cannot_be_read() {
    let room = Room::default();
    let call = "getenv('ROOM_SECRET')";
    for sql in [
        "SELECT {}",
        "SELECT main.{}",
        "SELECT GETENV/**/('ROOM_SECRET')",
        "SELECT \"getenv\"('ROOM_SECRET')",
        "SELECT list_transform([1], x -> {})",
        "SELECT COLUMNS(c -> c = {}) FROM zone",
        "SELECT COALESCE(*COLUMNS(c -> c != {})) FROM zone",
        "SELECT CASE WHEN {} = 'x' THEN 1 END",
        "SELECT CAST({} AS VARCHAR)",
        "SELECT ({})[1:3]",
        "SELECT {'a': {}}",
        "SELECT az_id FROM zone ORDER BY {}",
        "SELECT count(*) FROM zone GROUP BY {}",
        "SELECT count(*) FROM zone GROUP BY GROUPING SETS (({}))",
        "SELECT count(*) FROM zone HAVING {} = 'x'",
        "SELECT count(*) OVER (PARTITION BY {}) FROM zone",
        "SELECT string_agg(az_id, {} ORDER BY az_id) FROM zone",
        "FROM generate_series(1, length({}))",
        "FROM unnest([{}])",
        "FROM zone TABLESAMPLE 10% WHERE az_id = {}",
        "VALUES ({})",
    ] {
        room.check(&sql.replace("{}", call), REFUSED, "the function getenv is not allowed here");
    }
    for call in [
        "current_setting('home_directory')",
        "current_setting('allowed_paths')",
        "getvariable('x')",
        "write_log('x')",
        "nextval('s')",
        "currval('s')",
        "json_serialize_plan('FROM read_text(''{home}/secret.txt'')')",
        "json_serialize_plan('COPY zone TO ''{home}/new.csv''')",
    ] {
        room.check(&format!("SELECT {call}"), REFUSED, "is not allowed here");
    }
    for table in
        ["pg_settings", "pg_catalog.pg_settings", "duckdb_logs", "duckdb_databases", "pragma_database_list"]
    {
        room.check(&format!("FROM {table}"), REFUSED, "is not allowed here");
    }
    room.check("SHOW threads", BAD, "does not exist");
    for sql in [
        "SELECT 1;",
        "  select\n1 -- done",
        "FROM zone SELECT count(*)",
        "TABLE zone",
        "VALUES (1)",
        "SHOW TABLES",
        "SHOW ALL TABLES",
        "DESCRIBE zone",
        "SUMMARIZE zone",
        "EXPLAIN ANALYZE SELECT count(*) FROM zone",
        "/* /* why */ */ EXPLAIN (ANALYZE, FORMAT json) FROM zone",
        "PIVOT zone ON region IN ('eu-west-1') USING count(*)",
        "UNPIVOT zone ON az_id",
        "SELECT COLUMNS(c -> c LIKE 'z%') FROM zone",
        "SELECT $$COPY zone TO 'x'$$ AS text",
        "SELECT json_serialize_sql('FROM read_text(''/etc/passwd'')') AS text",
        "FROM duckdb_tables() SELECT table_name",
        "FROM information_schema.tables",
        "FROM json_each('[1, 2]')",
        "SELECT current_database(), version()",
    ] {
        room.check_harmless(sql);
    }
    room.check_still_answers();
}

#[test]
fn statements_that_need_too_much_are_stopped() {
    let mut room = Room { timeout: "2s", ..Room::default() };
    let memory = "needs more than the 512 MiB it may use";
    let time = "stopped after 2 s";
    let deep = "the statement is nested too deeply";
    let broke = "the statement crashed its process";
    for (sql, words) in [
        (
            "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 != b.range % 5",
            "",
        ),
        ("SELECT sleep_ms(600000)", time),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT count(*) FROM t", ""),
        ("WITH RECURSIVE t(n) AS (SELECT 'x' UNION ALL SELECT n || n FROM t) SELECT count(*) FROM t", ""),
        ("SELECT length(repeat('x', 4000000000))", ""),
        ("SELECT repeat('x', 300000000)", ""),
        ("SELECT repeat('x', 60000000) FROM range(100)", ""),
        ("SELECT lpad('x', 2000000000, 'y')", ""),
        ("SELECT printf('%2000000000d', 1)", ""),
        ("SELECT length(string_agg(repeat('x', 1000), '')) FROM range(100000000)", ""),
        ("SELECT len(list(i)) FROM range(2000000000) t(i)", ""),
        ("SELECT len(generate_series(1, 1000000000))", memory),
        ("SELECT i FROM range(1000000000) t(i) ORDER BY random()", ""),
        ("SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))", ""),
        ("SELECT json_structure(repeat('[', 100000) || repeat(']', 100000))", broke),
        (
            "SELECT json_transform('1', repeat('[', 60) || '\"INTEGER\"' || repeat(']', 60))",
            "nested more than 24 deep",
        ),
    ] {
        room.check(sql, REFUSED, words);
    }
    // Each nested lambda doubles the parse tree, which 100 of them show. 900 would be refused for
    // their depth first.
    room.check(&format!("SELECT {}1", "x -> ".repeat(100)), REFUSED, "");
    room.timeout = "20s";
    room.check(&format!("SELECT {}", vec!["1"; 20_000].join(",")), REFUSED, "20000 columns");
    room.check("SELECT repeat('x', 10000000000)", BAD, "Cannot create a string");
    room.check("SELECT regexp_matches('a', '((((a{1,100}){1,100}){1,100}){1,100})')", BAD, "repetition");
    room.check("SELECT repeat('[', 100000)::INT[]", BAD, "…");
    room.check(&format!("SELECT '{}'", "x".repeat(10 << 20)), BAD, "more than 1 MiB, the limit");
    for (open, within, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a': ", "1", "}"),
        ("NOT ", "true", ""),
        ("abs(", "1", ")"),
        ("(SELECT ", "1", ")"),
        ("CASE WHEN true THEN ", "1", " END"),
        ("1 + ", "1", ""),
        ("'a' || ", "'a'", ""),
    ] {
        for depth in [100, 900, 50_000] {
            let sql = format!("SELECT {}{within}{}", open.repeat(depth), close.repeat(depth));
            // Parentheses alone add no depth until the parser's own stack is full.
            match (open, depth) {
                ("(", 100 | 900) => room.check_harmless(&sql),
                _ => room.check(
                    &sql,
                    BAD,
                    if sql.len() > 1 << 20 { "more than 1 MiB, the limit" } else { deep },
                ),
            }
        }
    }
    room.check(&format!("FROM {}zone{}", "(FROM ".repeat(900), ")".repeat(900)), BAD, deep);
    room.check_harmless(&vec!["SELECT 1"; 500].join(" UNION ALL "));
    room.check_harmless("SELECT regexp_matches(repeat('a', 100000), '(a*)*(a*)*(a*)*b')");
    room.check_still_answers();
}

#[test]
fn odd_types_and_values_are_printed_or_refused() {
    let room = Room::default();
    for value in [
        "NULL",
        "'infinity'::TIMESTAMP",
        "'-infinity'::DATE",
        "'290000-01-01'::TIMESTAMP",
        "'5877642-06-25 (BC)'::DATE",
        "170141183460469231731687303715884105727::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "18446744073709551615::UBIGINT",
        "1e308::DOUBLE * 10",
        "'nan'::FLOAT",
        "99999999999999999999999999999999999999::DECIMAL(38, 0)",
        "0.00000000000000000000000000000000000001::DECIMAL(38, 38)",
        "'24:00:00'::TIME",
        "'12:00:00+15:59'::TIMETZ",
        "'2020-01-01 00:00:00+00'::TIMESTAMPTZ",
        "'2020-01-01'::TIMESTAMP_NS",
        "INTERVAL '1 year 3 days'",
        "uuid()",
        "'\\xAA\\x00'::BLOB",
        "'0101'::BIT",
        "'a'::ENUM ('a', 'b')",
        "MAP {'a': 1, 'b': NULL}",
        "{'a': {'b': [1, NULL]}}",
        "union_value(a := 1)",
        "[[1], NULL, []]",
        "[1, 2]::INT[2]",
        "'{\"a\": [1]}'::JSON",
        "123456789012345678901234567890::BIGNUM",
        "1::VARIANT",
        "chr(27) || '[2J'",
        "chr(0)",
        "'\u{1F469}\u{200D}\u{1F680}'",
    ] {
        for format in ["table", "json"] {
            let ran = room.desk.truffle(&["query", &format!("SELECT {value} AS a, 1 AS b"), "-o", format]);
            let calm = !ran.err.contains("panicked") && !ran.err.contains("without an answer");
            assert!(
                calm && [0, BAD, REFUSED].contains(&ran.code),
                "{value} as {format}: {} {}",
                ran.code,
                ran.err
            );
        }
    }
}

#[test]
fn mutated_statements_never_break_the_program() {
    let room = Room::default();
    let seeds = [
        "SELECT region, count(*) AS n FROM zone GROUP BY region HAVING n > 1 ORDER BY n DESC LIMIT 5",
        "WITH a AS (SELECT * FROM zone) SELECT a.az_id, [1, 2][1] FROM a JOIN zone USING (az_id) WHERE a.region LIKE 'e%'",
        "EXPLAIN ANALYZE SELECT list_transform([1, 2], x -> x + 1), {'a': 1} FROM range(3) t(i)",
    ];
    let odd = [
        "(",
        ")",
        "'",
        "\"",
        ";",
        "--",
        "/*",
        "*/",
        "$$",
        "[",
        "{",
        "\u{a0}",
        "\u{202e}",
        "::",
        "NULL",
        "COPY",
        "read_text",
        "'x.csv'",
        "->",
        "AS",
        "0x",
        "1e999",
        "\\",
        "?",
        "EXPLAIN",
        "*",
    ];
    // A fixed pseudo-random sequence (SplitMix64): a failure can be repeated.
    let mut state = 20_260_723_u64;
    let mut next = |bound: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    };
    for round in 0..60 {
        let mut words: Vec<&str> = seeds[round % seeds.len()].split_inclusive([' ', '(', ',']).collect();
        for _ in 0..=next(4) {
            let (at, other) = (next(words.len()), next(words.len()));
            match next(4) {
                0 => drop(words.remove(at)),
                1 => words.insert(at, odd[next(odd.len())]),
                2 => words.insert(at, words[other]),
                _ => words.swap(at, other),
            }
        }
        let sql = words.concat();
        let ran = room.run(&sql);
        assert!([0, BAD, REFUSED].contains(&ran.code), "{sql}: {} {}", ran.code, ran.err);
    }
}
