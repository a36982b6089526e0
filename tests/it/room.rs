//! The locked room of `truffle query`: hostile statements, and what is left after them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{Desk, Ran, executable, ran};

/// Lies in files and in the environment, and may never come out.
const SECRET: &str = "moth-orchid-4711";

/// Far more than any statement here takes with `--timeout 5s`, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);

const BAD: i32 = 2;
const REFUSED: i32 = 5;

/// A machine with a warehouse and secrets, and how its files were.
struct Room {
    desk: Desk,
    files: Files,
}

/// Content and time of change of each file.
type Files = BTreeMap<PathBuf, (Vec<u8>, i64)>;

impl Default for Room {
    fn default() -> Room {
        let desk = Desk::default();
        desk.truffle(&["query", "FROM zone LIMIT 1"]).good();
        for (name, text) in [
            ("secret.txt", SECRET.to_string()),
            ("secret.csv", format!("a,b\n{SECRET},1\n")),
            ("secret.json", format!("{{\"a\": \"{SECRET}\"}}")),
        ] {
            fs::write(desk.home().join(name), text).unwrap();
        }
        let files = files(desk.home());
        Room { desk, files }
    }
}

fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), (Vec::new(), 0));
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().mtime_nsec()));
        }
    }
    found
}

impl Room {
    /// Fills in `{home}`, `{db}` (the published warehouse) and `{parquet}` (a file of the seed).
    fn fill(&self, sql: &str) -> String {
        let ending = |end: &str| {
            let mut paths = self.files.keys().filter(|path| path.to_string_lossy().ends_with(end));
            paths.next().unwrap_or_else(|| panic!("no {end}")).display().to_string()
        };
        sql.replace("{home}", &self.desk.home().display().to_string())
            .replace("{db}", &ending(".duckdb"))
            .replace("{parquet}", &ending("zone/v=1/seed.parquet"))
    }

    fn run(&self, sql: &str) -> Ran {
        let started = Instant::now();
        // By a file: a statement can be longer than an argument, and can hold what an argument cannot.
        let statement = tempfile::NamedTempFile::new().unwrap();
        fs::write(statement.path(), sql).unwrap();
        let path = statement.path().to_str().unwrap();
        let words = ["query", "--file", path, "--timeout", "5s", "--memory", "512MiB", "-o", "json"];
        let ran = ran(self.desk.command("truffle", &words).env("ROOM_SECRET", SECRET));
        let short = sql.chars().take(200).collect::<String>();
        assert!(started.elapsed() < PATIENCE, "{short}: {:?}", started.elapsed());
        for sign in [SECRET, "root:x:", "panicked", "Stack Trace", "without an answer", " Error: "] {
            assert!(
                !ran.out.contains(sign) && !ran.err.contains(sign),
                "{short}: {sign}: {}{}",
                ran.out,
                ran.err
            );
        }
        if files(self.desk.home()) != self.files {
            let now: Vec<PathBuf> = files(self.desk.home()).into_keys().collect();
            panic!("{short}: files were made, changed or removed; there are {now:#?}");
        }
        ran
    }

    /// Runs a hostile statement. `words` are what it must say.
    fn check(&self, sql: &str, code: i32, words: &str) {
        let ran = self.run(&self.fill(sql));
        let short = sql.chars().take(200).collect::<String>();
        assert_eq!(ran.code, code, "{short}: {}{}", ran.out.chars().take(500).collect::<String>(), ran.err);
        assert!(ran.err.starts_with("error: "), "{short}: {}", ran.err);
        assert!(ran.err.contains(words), "{short}: {}", ran.err);
        assert_eq!(ran.out, "", "{short}");
    }

    /// Runs a statement that looks odd and reads only what it may.
    fn harmless(&self, sql: &str) {
        let ran = self.run(&self.fill(sql));
        assert_eq!(ran.code, 0, "{sql}: {}", ran.err);
    }

    /// After everything, the warehouse answers as before.
    fn still_answers(&self) {
        let out = self.desk.truffle(&["query", "SELECT count(*) > 50 AS yes FROM zone", "-o", "csv"]).good();
        assert_eq!(out, "yes\ntrue\n");
    }
}

/// What an allow-list of statements refuses, whatever it is.
const ONLY_SELECT: &str = "only SELECT can run here";

#[test]
fn statements_that_change_something() {
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
    // What DuckDB's grammar has no place for is a mistake, not an attempt.
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
    room.still_answers();
}

#[test]
fn files_and_networks() {
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
        for sql in
            ["FROM {}", "TABLE {}", "SUMMARIZE {}", "DESCRIBE {}", "SHOW {}", "WITH a AS (FROM {}) FROM a"]
        {
            room.check(&sql.replace("{}", name), REFUSED, "names a file, and only tables can be read here");
        }
    }
    for name in ["secret.csv", "secret.json", "home.user.parquet"] {
        room.check(&format!("FROM {name}"), REFUSED, "is not a table: there is no schema");
    }
    room.check("FROM pragma_table_info('{home}/secret.csv')", BAD, "does not exist");
    room.still_answers();
}

#[test]
fn settings_and_the_environment() {
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
        room.harmless(sql);
    }
    room.still_answers();
}

#[test]
fn statements_that_want_too_much() {
    let room = Room::default();
    let memory = "needs more than the 512 MiB it may use";
    let time = "stopped after 5 s";
    let deep = "the statement is nested too deeply";
    let broke = "the statement broke the process that ran it";
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
    room.check(&format!("SELECT {}", vec!["1"; 20_000].join(",")), REFUSED, "20000 columns");
    room.check("SELECT repeat('x', 10000000000)", BAD, "Cannot create a string");
    room.check("SELECT regexp_matches('a', '((((a{1,100}){1,100}){1,100}){1,100})')", BAD, "repetition");
    room.check("SELECT repeat('[', 100000)::INT[]", BAD, "…");
    room.check(&format!("SELECT '{}'", "x".repeat(10 << 20)), BAD, "1048576 are the most");
    for (open, within, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{'a': ", "1", "}"),
        ("NOT ", "true", ""),
        ("- ", "1", ""),
        ("abs(", "1", ")"),
        ("(SELECT ", "1", ")"),
        ("CASE WHEN true THEN ", "1", " END"),
        ("x -> ", "1", ""),
        ("1 + ", "1", ""),
        ("'a' || ", "'a'", ""),
    ] {
        for depth in [100, 900, 50_000] {
            let sql = format!("SELECT {}{within}{}", open.repeat(depth), close.repeat(depth));
            // Parentheses alone are no depth at all until the parser's own stack is full.
            match (open, depth) {
                ("(", 100 | 900) => room.harmless(&sql),
                ("x -> ", _) => room.check(&sql, BAD, ""),
                _ => room.check(&sql, BAD, if sql.len() > 1 << 20 { "are the most" } else { deep }),
            }
        }
    }
    room.check(&format!("FROM {}zone{}", "(FROM ".repeat(900), ")".repeat(900)), BAD, deep);
    room.harmless(&vec!["SELECT 1"; 500].join(" UNION ALL "));
    room.harmless("SELECT regexp_matches(repeat('a', 100000), '(a*)*(a*)*(a*)*b')");
    room.still_answers();
}

#[test]
fn odd_types_and_values_come_out_or_are_refused() {
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
        for format in ["table", "json", "csv", "yaml"] {
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
    // A fixed walk through all mutations (SplitMix64): a failure can be repeated.
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

#[test]
fn truncation_is_said() {
    let room = Room::default();
    let check = |limit: &str, rows: usize, said: bool| {
        let ran = room.desk.truffle(&["query", "FROM range(12345)", "--limit", limit, "-o", "csv"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(ran.out.lines().count(), rows + 1, "--limit {limit}");
        assert_eq!(
            ran.err.contains(&format!("cut after {limit} rows")),
            said,
            "--limit {limit}: {}",
            ran.err
        );
    };
    check("1", 1, true);
    check("2048", 2048, true);
    check("12344", 12344, true);
    check("12345", 12345, false);
    check("99999", 12345, false);
    check("0", 12345, false);
    let ran = room.desk.truffle(&["query", "FROM range(12345)", "-o", "csv"]);
    assert!(ran.err.contains("cut after 10000 rows"), "{}", ran.err);
}

/// A statement that neither computes nor allocates: nothing but a kill ends it early.
const LONG: &str = "SELECT sleep_ms(300000)";

/// Starts a long statement and waits until its room is there.
fn start_long(desk: &Desk) -> (Child, u32) {
    let child = desk
        .command("truffle", &["query", LONG, "--timeout", "10m"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut room = None;
    wait_until("the room opens", || {
        room = room_of(child.id());
        room.is_some()
    });
    (child, room.unwrap())
}

/// The process in which a program's statement runs.
fn room_of(parent: u32) -> Option<u32> {
    let pids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|pid| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains("--locked-room") && status(*pid).is_some_and(|(_, of)| of == parent)
    })
}

/// A process's state and parent; none when it is gone.
fn status(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut after = text.rsplit_once(") ")?.1.split(' ');
    Some((after.next()?.to_string(), after.next()?.parse().ok()?))
}

/// Gone, or dead and only not yet collected by whoever inherited it.
fn is_over(pid: u32) -> bool {
    status(pid).is_none_or(|(state, _)| state == "Z" || state == "X")
}

#[track_caller]
fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let started = Instant::now();
    while !happened() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_ends_a_statement_and_its_process() {
    let room = Room::default();
    let (mut child, inside) = start_long(&room.desk);
    let started = Instant::now();
    let sent = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(sent.success());
    let status = child.wait().unwrap();
    // A blink in fact; the statement itself would take five minutes.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(status.code(), Some(130), "{err}");
    assert!(err.contains("interrupted"), "{err}");
    assert!(is_over(inside), "the statement's process is still there");
}

#[test]
fn a_killed_parent_leaves_no_process_behind() {
    let room = Room::default();
    let (mut child, inside) = start_long(&room.desk);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the statement's process ends", || is_over(inside));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let room = Room::default();
    for format in ["csv", "ndjson", "json"] {
        let words = ["query", "FROM range(100000000)", "--limit", "0", "-o", format];
        let mut child = room
            .desk
            .command("truffle", &words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_ne!(line, "", "{format}");
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{format}");
        assert_eq!(room_of(child.id()), None);
    }
}

/// Makes the kernel seem to have no Landlock for a program and all it starts, then becomes the program.
const WITHOUT_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
LANDLOCK_CREATE_RULESET, NO_NEW_PRIVS, SECCOMP, FILTER, ENOSYS = 444, 38, 22, 2, 38
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, LANDLOCK_CREATE_RULESET), (6, 0, 0, 0x50000 | ENOSYS), (6, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
assert libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) == 0
if libc.prctl(SECCOMP, FILTER, program, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn without_landlock_less_is_offered_and_it_is_said() {
    let room = Room::default();
    let program = executable("truffle");
    let query = |sql: &str| {
        let mut command = room.desk.command("truffle", &[]);
        let words = ["-c", WITHOUT_LANDLOCK, program.to_str().unwrap(), "query", sql, "-o", "csv"];
        let mut python = Command::new("python3");
        python.args(words).current_dir(room.desk.home()).env_clear();
        python.envs(command.stdin(Stdio::null()).get_envs().filter_map(|(key, value)| Some((key, value?))));
        ran(&mut python)
    };
    let native = query("SELECT count(*) > 50 AS yes FROM zone");
    if native.code == 77 {
        println!("skipped: system calls cannot be filtered here");
        return;
    }
    assert_eq!((native.code, native.out.as_str()), (0, "yes\ntrue\n"), "{}", native.err);
    assert!(native.err.contains("weaker than usual: this kernel has no Landlock"), "{}", native.err);
    for sql in [
        "FROM '{parquet}'",
        "FROM read_text('{home}/secret.txt')",
        "COPY zone TO '{db}' (FORMAT csv, USE_TMP_FILE false)",
        "EXPLAIN ANALYZE COPY zone TO '{parquet}' (FORMAT csv, USE_TMP_FILE false)",
    ] {
        let ran = query(&room.fill(sql));
        assert_eq!(ran.code, REFUSED, "{sql}: {}{}", ran.out, ran.err);
    }
    assert!(files(room.desk.home()) == room.files, "files were made, changed or removed");
}
