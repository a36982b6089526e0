use catalog::ports::Ask;
use catalog::{DataFile, Manifest, bare_tag_key, plain_tag_key, question};

use super::*;
use crate::Warehouse;

/// A lake of bills on disk.
struct BillLake {
    folder: tempfile::TempDir,
    source: WarehouseSource,
}

impl BillLake {
    /// Each file is a path below the lake, and the query of its lines without `run_id`. The name of
    /// the file is the run. Each run is complete for account 1 and the given month.
    fn new(files: &[(&str, &str, &str)]) -> BillLake {
        let folder = tempfile::tempdir().unwrap();
        let writer = Connection::open_in_memory().unwrap();
        let mut written = Vec::new();
        let mut write = |dataset: &str, path: String, rows: String| {
            let full = folder.path().join(&path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            writer.execute_batch(&format!("COPY ({rows}) TO {}", literal(&full.to_string_lossy()))).unwrap();
            let found = durable::file_digest(&full).unwrap();
            let (dataset, sha256) = (dataset.to_string(), domain::hex(found.sha256));
            written.push(DataFile { dataset, version: 1, path, rows: 1, bytes: found.bytes, sha256 });
        };
        let mut log = Vec::new();
        for (path, month, rows) in files {
            let run = path.rsplit('/').next().unwrap();
            write(
                "charge",
                format!("lake/charge/v=1/{path}.parquet"),
                format!(
                    "SELECT '1/' || month AS bill, CAST(month || '-01' AS TIMESTAMP) AS billing_period_start, \
                     'USD' AS billing_currency, 'Usage' AS charge_category, * EXCLUDE (month), '{run}' AS run_id \
                     FROM ({rows})"
                ),
            );
            log.push(format!(
                "SELECT '{run}' AS run_id, 'charge' AS dataset, '1/{month}' AS scope, \
                 TIMESTAMP '2026-10-03' AS observed_at, 'complete' AS outcome"
            ));
        }
        write("collection_run", "lake/collection_run/v=1/log.parquet".into(), log.join(" UNION ALL "));
        let (format, number) = (catalog::FORMAT, 1);
        let manifest = Manifest {
            format,
            number,
            tool_version: String::new(),
            written_at: String::new(),
            files: written,
        };
        let root = folder.path().to_path_buf();
        BillLake { folder, source: WarehouseSource { root, manifest } }
    }

    fn warehouse(&self, key: Option<&str>) -> Warehouse {
        Warehouse::open(vec![self.source.clone()], None, &[], key).unwrap()
    }
}

fn bound(name: &str, given: &[(&str, &str)]) -> Vec<(String, Value)> {
    let given: Vec<(String, String)> =
        given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    question(name).unwrap().bind(&given, "2026-12-01T00:00:00Z".parse().unwrap()).unwrap()
}

/// Returns the values of a tag in a month, with their costs: `a 1, - 2`.
fn by_tag(warehouse: &Warehouse, tag: &str, month: &str) -> String {
    let values = bound("cost/by-tag", &[("tag", tag), ("month", month)]);
    let page = warehouse.ask(question("cost/by-tag").unwrap(), &values).unwrap();
    let (value, cost) = (page.position("tag_value").unwrap(), page.position("billed_cost").unwrap());
    let text = |cell: &Value| match cell {
        Value::Text(text) => text.clone(),
        Value::Null => "-".into(),
        other => catalog::json_text(other).trim_matches('"').into(),
    };
    let mut rows: Vec<String> =
        page.rows.iter().map(|row| format!("{} {}", text(&row[value]), text(&row[cost]))).collect();
    rows.sort();
    rows.join(", ")
}

/// Lines of one month with these costs and tags in JSON.
fn older(month: &str, lines: &[(u32, &str)]) -> String {
    let line = |(cost, tags): &(u32, &str)| {
        format!("SELECT '{month}' AS month, {cost}::DECIMAL(38,18) AS billed_cost, {} AS tags", literal(tags))
    };
    lines.iter().map(line).collect::<Vec<_>>().join(" UNION ALL ")
}

#[test]
fn a_tag_is_found_in_every_spelling_and_by_its_case() {
    let check = |tags: &[&str], tag: &str, expected: &str| {
        let lines: Vec<(u32, &str)> = (0..).map(|at| 1 << at).zip(tags.iter().copied()).collect();
        let lake = BillLake::new(&[("run", "2026-09", &older("2026-09", &lines))]);
        assert_eq!(by_tag(&lake.warehouse(None), tag, "2026-09"), expected, "{tag} in {tags:?}");
    };
    let spellings = [
        r#"{"user:CostCenter":"a"}"#,
        r#"{"user_cost_center":"a"}"#,
        r#"{"resource_tags_user_cost_center":"b"}"#,
        r#"{"resourceTags/user:CostCenter":"b"}"#,
        r#"{"accountTag/CostCenter":"c"}"#,
        r#"{"iamPrincipal/costCenter":"d"}"#,
        "{}",
    ];
    check(&spellings, "CostCenter", "- 96, a 3, b 12, c 16");
    check(&spellings, "cost_center", "- 64, a 3, b 12, c 16, d 32");
    check(&spellings, "cost center", "- 64, a 3, b 12, c 16, d 32");
    check(&spellings, "accountTag/CostCenter", "- 111, c 16");
    let two =
        [r#"{"user:team":"data"}"#, r#"{"user:Team":"core"}"#, r#"{"user:Team":"web","user:team":"ops"}"#];
    check(&two, "team", "- 2, data 1, ops 4");
    check(&two, "Team", "- 1, core 2, web 4");
    check(&two[..1], "TEAM", "data 1");
    check(&[r#"{"user_id":"a"}"#, r#"{"id":"b"}"#], "user_id", "- 2, a 1");
    check(&[r#"{"aws:createdBy":"me"}"#, r#"{"aws_created_by":"you"}"#], "aws:createdBy", "me 1, you 2");
    check(&[r#"{"aws_created_by":"you"}"#], "aws:createdBy", "you 1");
    check(&[r#"{"app.kubernetes.io/name":"x"}"#], "app.kubernetes.io/name", "x 1");
    check(&[r#"{"部門":"x"}"#, r#"{"環境":"y"}"#], "部門", "- 2, x 1");
    check(&["no JSON", r#"{"n":null}"#, r#"{"n":5}"#], "n", "- 3, 5 4");
}

/// The lines of two months in the layout of version 0.1, and in that of today.
const LINES: [(&str, &str, u32, &str, &str); 5] = [
    ("2026-09", "user:Team", 1, "a", "NULL"),
    ("2026-09", "user:Team", 2, "b", r#"'{"rare":"r"}'"#),
    ("2026-10", "user_team", 4, "a", "NULL"),
    ("2026-10", "user_team", 8, "b", "NULL"),
    ("2026-10", "user_team", 16, "a", r#"'{"rare":"s","it''s":"q"}'"#),
];

fn of_month(month: &str) -> String {
    let line = |(month, key, cost, value, other): &(&str, &str, u32, &str, &str)| {
        let tags = format!("json_merge_patch(json_object('{key}', '{value}'), coalesce({other}, '{{}}'))");
        format!(
            "SELECT '{month}' AS month, {cost}::DECIMAL(38,18) AS billed_cost, {tags}::VARCHAR AS tags, \
             '{value}' AS \"{}\", {other}::VARCHAR AS other_tags, false AS estimated",
            tag_column(key)
        )
    };
    LINES.iter().filter(|line| line.0 == month).map(line).collect::<Vec<_>>().join(" UNION ALL ")
}

fn before(month: &str) -> String {
    format!("SELECT month, billed_cost, tags FROM ({})", of_month(month))
}

#[test]
fn bills_in_both_layouts_give_the_same_answers() {
    let check = |september: (&str, String), october: (&str, String)| {
        let files = [(september.0, "2026-09", &september.1[..]), (october.0, "2026-10", &october.1[..])];
        let lake = BillLake::new(&files);
        let warehouse = lake.warehouse(None);
        let tag = |tag: &str, month: &str| by_tag(&warehouse, tag, month);
        assert_eq!(tag("Team", "2026-09"), "a 1, b 2");
        assert_eq!(tag("Team", "latest"), "a 20, b 8");
        assert_eq!(tag("Team", "all"), "a 21, b 10");
        assert_eq!(tag("rare", "all"), "- 13, r 2, s 16");
        assert_eq!(tag("it's", "all"), "- 15, q 16");
        assert_eq!(tag("it's", "2026-09"), "- 3");
        let keys = warehouse.ask(question("cost/tag-keys").unwrap(), &bound("cost/tag-keys", &[])).unwrap();
        let row = |key: &str, lines: i64| vec![Value::from(key), Value::Int(lines)];
        assert_eq!(keys.rows, [row("team", 3), row("Team", 2), row("rare", 2), row("it's", 1)]);
        let (_, unlimited) = crate::open::open(std::slice::from_ref(&lake.source), &[]).unwrap();
        for (name, given) in [
            ("cost/by-account", ("month", "all")),
            ("cost/by-day", ("month", "2026-09")),
            ("cost/by-kind", ("month", "latest")),
            ("cost/by-service", ("month", "all")),
            ("cost/by-tag", ("tag", "Team")),
            ("cost/by-tag", ("tag", "RARE")),
        ] {
            let (question, values) = (question(name).unwrap(), bound(name, &[given]));
            let expected = ask(&unlimited, question, &values).unwrap();
            assert_eq!(warehouse.ask(question, &values).unwrap(), expected, "{name}");
        }
    };
    let (september, october) = ("month=2026-09/nine", "month=2026-10/ten");
    check(("nine", before("2026-09")), ("ten", before("2026-10")));
    check((september, of_month("2026-09")), ("ten", before("2026-10")));
    check(("nine", before("2026-09")), (october, of_month("2026-10")));
    check((september, of_month("2026-09")), (october, of_month("2026-10")));
}

#[test]
fn a_question_about_one_month_reads_no_file_of_another_month() {
    let lake = BillLake::new(&[
        ("month=2026-09/nine", "2026-09", &of_month("2026-09")),
        ("older", "2026-08", &older("2026-08", &[(32, "{}")])),
        ("month=2026-10/ten", "2026-10", &of_month("2026-10")),
    ]);
    let warehouse = lake.warehouse(None);
    let files = lake.source.manifest.files.iter().filter(|file| file.dataset == "charge");
    let (october, others): (Vec<&DataFile>, Vec<&DataFile>) =
        files.partition(|file| file.month() == Some("2026-10"));
    assert_eq!((october.len(), others.len()), (1, 2));
    for file in others {
        std::fs::remove_file(lake.folder.path().join(&file.path)).unwrap();
    }
    for month in ["2026-10", "latest"] {
        assert_eq!(by_tag(&warehouse, "Team", month), "a 20, b 8");
        for name in ["cost/by-service", "cost/by-day", "cost/by-kind", "cost/by-account", "cost/newest-usage"]
        {
            let rows =
                warehouse.ask(question(name).unwrap(), &bound(name, &[("month", month)])).unwrap().rows;
            assert_eq!(rows.len(), 1, "{name}");
        }
    }
    let all = warehouse.ask(question("cost/by-day").unwrap(), &bound("cost/by-day", &[("month", "all")]));
    let is_damaged = matches!(all, Err(AskError::Damaged(catalog::ports::LakeDamage::File { .. })));
    assert!(is_damaged, "{all:?}");
}

#[test]
fn the_catalog_and_the_macros_spell_tag_keys_alike() {
    let connection = Connection::open_in_memory().unwrap();
    build::make_all(&connection, &[]).unwrap();
    let keys = [
        "CostCenter",
        "user:CostCenter",
        "user_cost_center",
        "resource_tags_user_app_i_d",
        "resourceTags/user:x",
        "resourceTags/aws:createdBy",
        "accountTag/ISB:LeaseId",
        "userAttribute/e-mail",
        "iamPrincipal/user_x",
        "user:",
        "resource_tags_",
        "accountTag/",
        "user_user_id",
        "Straße",
        "ÄÖ 12",
        "部門",
        "-/-",
        "a\nb",
        "",
    ];
    for key in keys {
        let sql = "SELECT bare_tag_key($1) || '|' || plain_tag_key(bare_tag_key($1))";
        let found: String = connection.query_row(sql, [key], |row| row.get(0)).unwrap();
        assert_eq!(found, format!("{}|{}", bare_tag_key(key), plain_tag_key(bare_tag_key(key))), "{key:?}");
    }
}
