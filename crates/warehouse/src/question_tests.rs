//! Answers every question over the lake of `queries/fixture` and compares the rows with the
//! `.expect` file beside the question.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use catalog::ports::Ask;
use catalog::{DATASETS, DataFile, Dataset, Page, QUESTIONS, Question, Value, ValueType};
use domain::Timestamp;
use duckdb::Connection;

use crate::build::literal;
use crate::{Warehouse, WarehouseSource};

/// The environment variable that makes the test rewrite the files instead of comparing them.
const UPDATE: &str = "EXPECT_UPDATE";

/// The time at which all questions are answered.
const NOW: &str = "2026-11-20T00:00:00Z";

/// A page with more columns is written as one `column: value` line per value.
const TABLE_COLUMNS: usize = 14;

fn queries() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries")
}

/// Writes `fixture/<dataset>.csv` as a Parquet file of the dataset. The first line names the
/// columns; other columns are missing, as in a file of an older version. An empty cell is null.
fn write_dataset(writer: &Connection, dataset: &Dataset, csv: &Path, parquet: &Path) {
    let text = fs::read_to_string(csv).unwrap();
    let fields = dataset.fields();
    let typed = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        let field = field.unwrap_or_else(|| panic!("{} has no column {name}", dataset.name));
        format!("CAST({name} AS {}) AS {name}", field.ty.sql())
    };
    let columns: Vec<String> = text.lines().next().unwrap_or_default().split(',').map(typed).collect();
    let read = format!(
        "read_csv({}, header = true, all_varchar = true, allow_quoted_nulls = false, delim = ',', quote = '\"', escape = '\"')",
        literal(&csv.to_string_lossy())
    );
    let copy = format!(
        "COPY (SELECT {} FROM {read}) TO {}",
        columns.join(", "),
        literal(&parquet.to_string_lossy())
    );
    writer.execute_batch(&copy).unwrap_or_else(|error| panic!("{}: {error}", csv.display()));
}

/// Returns the lake of `queries/fixture` as one source with its files in `root`.
fn fixture_lake(root: &Path) -> WarehouseSource {
    let writer = Connection::open_in_memory().unwrap();
    let mut files = Vec::new();
    for dataset in DATASETS {
        let csv = queries().join("fixture").join(dataset.name).with_extension("csv");
        if csv.exists() {
            let path = format!("{}.parquet", dataset.name);
            write_dataset(&writer, dataset, &csv, &root.join(&path));
            let (name, version) = (dataset.name.to_string(), dataset.version);
            let found = durable::file_digest(&root.join(&path)).unwrap();
            let (bytes, sha256) = (found.bytes, domain::hex(found.sha256));
            files.push(DataFile { dataset: name, version, path, rows: 0, bytes, sha256 });
        }
    }
    let manifest = catalog::Manifest {
        format: catalog::FORMAT,
        number: 1,
        tool_version: String::new(),
        written_at: String::new(),
        files,
    };
    WarehouseSource { root: root.to_path_buf(), manifest }
}

/// Columns of bill lines in files of one month, after those of the dataset.
fn columns_of_month() -> String {
    let tag = |key: &str| {
        let column = catalog::tag_column(key);
        format!("CASE WHEN json_valid(tags) THEN tags ->> '$.\"{key}\"' END AS \"{column}\"")
    };
    format!(
        "{}, {}, CASE WHEN json_valid(tags) AND tags LIKE '%\"user_name\"%' THEN tags END AS other_tags, \
         CASE WHEN source_format = 'cost-explorer' THEN extra LIKE '%\"Estimated\":\"true\"%' END AS estimated",
        tag("user:Name"),
        tag("Name"),
    )
}

/// The daily sums of lines in the table `line`.
const SUMS: &str = "SELECT date_trunc('day', charge_period_start) AS charge_period_start, bill, \
    billing_currency, billing_account_id, sub_account_id, service_name, \
    region_id, usage_type, \
    charge_category, charge_class, charge_frequency, line_item_type, pricing_unit, \"tag:user:^name\", \"tag:^name\", \
    sum(billed_cost)::DECIMAL(38,18) AS billed_cost, \
    coalesce(sum(coalesce(effective_cost, CASE WHEN charge_category IN ('Usage', 'Tax', 'Credit') \
        AND commitment_discount_status IS NULL THEN billed_cost END)), 0)::DECIMAL(38,18) AS counted_effective_cost, \
    coalesce(sum(list_cost), 0)::DECIMAL(38,18) AS list_cost, \
    coalesce(sum(pricing_quantity), 0)::DECIMAL(38,18) AS pricing_quantity, \
    count(pricing_quantity) AS quantity_lines, CAST(NULL AS VARCHAR) AS of_tag, CAST(NULL AS VARCHAR) AS of_value, \
    count(*) AS lines, \
    count(CASE WHEN effective_cost IS NOT NULL OR (charge_category IN ('Usage', 'Tax', 'Credit') \
        AND commitment_discount_status IS NULL) THEN 1 END) AS counted_lines, \
    count(effective_cost) AS stated_lines, count(list_cost) AS listed_lines, \
    max(charge_period_start) AS newest_start, max(billing_period_start) AS billing_period_start, \
    bool_or(estimated) AS estimated, max(sub_account_name) AS sub_account_name, \
    CASE WHEN count(other_tags) > 0 THEN '[{\"key\":\"user_name\",\"lines\":' || count(other_tags) || '}]' END AS tag_lines, \
    any_value(run_id) AS run_id FROM line GROUP BY ALL";

/// Returns the same lake with its bills in files by run and month, with a column for two of their
/// tags: in layout 1, or in layouts 2 to 4, where most runs have daily sums.
fn fixture_lake_by_month(root: &Path, version: u32) -> WarehouseSource {
    let mut source = fixture_lake(root);
    let writer = Connection::open_in_memory().unwrap();
    let older = literal(&root.join("charge.parquet").to_string_lossy());
    source.manifest.files.retain(|file| file.dataset != "charge");
    let mut runs = writer
        .prepare(&format!("SELECT DISTINCT run_id, substr(split_part(bill, '/', 2), 1, 7) FROM {older}"))
        .unwrap();
    let runs = runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let runs: Vec<(String, String)> = runs.map(Result::unwrap).collect();
    let mut write = |path: String, rows: &str| {
        let full = root.join(&path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        let copy = format!("COPY ({rows}) TO {}", literal(&full.to_string_lossy()));
        writer.execute_batch(&copy).unwrap();
        let found = durable::file_digest(&full).unwrap();
        let (dataset, bytes, sha256) = ("charge".to_string(), found.bytes, domain::hex(found.sha256));
        source.manifest.files.push(DataFile { dataset, version, path, rows: 0, bytes, sha256 });
    };
    for (run, month) in &runs {
        let lines = format!(
            "SELECT *, {} FROM {older} WHERE run_id = '{run}' AND bill LIKE '%/{month}%'",
            columns_of_month()
        );
        let path = format!("charge/month={month}/{run}.parquet");
        if version == 1 {
            write(path, &lines);
            continue;
        }
        let tags = if version == 2 { "tags" } else { "CASE WHEN NOT json_valid(tags) THEN tags END" };
        let stored = "extra ->> '$.Estimated' AS \"extra:^estimated\", CAST(NULL AS VARCHAR) AS other_extra";
        write(path, &format!("SELECT * EXCLUDE (extra) REPLACE ({tags} AS tags), {stored} FROM ({lines})"));
        if run != "sep-bill" && run != "oct-added" {
            let sums = format!("WITH line AS ({lines}) {SUMS}");
            write(format!("charge/sums={month}/{run}.parquet"), &sums);
        }
    }
    assert!(runs.len() > 4, "{runs:?}");
    source
}

/// Reads the parameters from a line such as `$region = us-east-1, $os = linux`, or `defaults`.
fn read_parameters(line: &str) -> Vec<(String, String)> {
    let Some(line) = line.trim().strip_prefix('$') else { return Vec::new() };
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or_else(|| panic!("no = in {text}"));
        (name.trim().to_string(), value.trim().to_string())
    };
    line.split(", $").map(pair).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::Text(text) => text.clone(),
        Value::Timestamp(at) => {
            let text = at.to_string();
            text.strip_suffix("T00:00:00Z").map(String::from).unwrap_or(text)
        }
        // The last digits of a computed double may differ between processors.
        Value::Float(number) => catalog::float_text((number * 1e9).round() / 1e9),
        other => catalog::json_text(other).trim_matches('"').to_string(),
    }
}

/// Returns the rows as an aligned table, or one `column: value` line per value if there are many
/// columns. The rows of a question without an order are sorted.
fn render(question: &Question, page: &Page) -> String {
    let mut rows: Vec<Vec<String>> = page.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    if !question.text.contains("\nORDER BY ") {
        rows.sort();
    }
    match page.fields.len() > TABLE_COLUMNS {
        true => rows.iter().map(|row| render_record(page, row)).collect::<Vec<_>>().join("\n"),
        false => render_table(page, rows),
    }
}

fn render_record(page: &Page, row: &[String]) -> String {
    let named = || page.fields.iter().map(|field| field.name.as_str()).zip(row);
    let mut text = String::new();
    for (name, value) in named().filter(|(_, value)| *value != "-") {
        writeln!(text, "{name}: {value}").unwrap();
    }
    let null: Vec<&str> = named().filter(|(_, value)| *value == "-").map(|(name, _)| name).collect();
    if !null.is_empty() {
        writeln!(text, "null: {}", null.join(", ")).unwrap();
    }
    text
}

fn render_table(page: &Page, rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = page.fields.iter().map(|field| field.name.clone()).collect();
    let lines: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..page.fields.len()).map(width).collect();
    let is_number =
        |at: usize| matches!(page.fields[at].ty, ValueType::Int | ValueType::Float | ValueType::Decimal(..));
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(at, cell)| match is_number(at) {
            true => format!("{cell:>0$}", widths[at]),
            false => format!("{cell:<0$}", widths[at]),
        });
        writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end()).unwrap();
    }
    text
}

/// Answers the question once for each line of parameters in `text`, and returns the file with these
/// lines and the rows.
fn answer(warehouse: &Warehouse, question: &Question, text: &str) -> String {
    let now: Timestamp = NOW.parse().unwrap();
    let sections = text.lines().filter_map(|line| line.strip_prefix("-- ")).map(|line| {
        let bound = question.bind(&read_parameters(line), now);
        let bound = bound.unwrap_or_else(|error| panic!("{}: {error}", question.name));
        let page =
            warehouse.ask(question, &bound).unwrap_or_else(|error| panic!("{}: {error}", question.name));
        format!("-- {line}\n{}", render(question, &page))
    });
    sections.collect::<Vec<_>>().join("\n")
}

/// Returns the first line that differs, for the message of a failure.
fn first_difference(question: &Question, expected: &str, found: &str) -> String {
    let differs = || expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
    let at = differs().unwrap_or_else(|| expected.lines().count().min(found.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end of file)").to_string();
    format!(
        "queries/{}.expect, line {}\n  expected {}\n  found    {}",
        question.name,
        at + 1,
        line(expected),
        line(found)
    )
}

#[test]
fn every_question_returns_the_rows_of_its_expect_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = fixture_lake(folder.path());
    let warehouse = Warehouse::open(vec![source], None, &[], None).unwrap();
    let mut faults = Vec::new();
    for question in QUESTIONS {
        let path = queries().join(question.name).with_extension("expect");
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if !expected.starts_with("-- ") {
            faults
                .push(format!("{}: write the parameters as its first line, or -- defaults", path.display()));
            continue;
        }
        let found = answer(&warehouse, question, &expected);
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, &found).unwrap();
        } else if found != expected {
            faults.push(first_difference(question, &expected, &found));
        }
    }
    assert!(faults.is_empty(), "{}\nif the new rows are right, rewrite with {UPDATE}=1", faults.join("\n"));
}

#[test]
fn bills_in_files_by_month_give_the_answers_of_the_older_layout() {
    for version in [1, 2, 3, 4] {
        let folder = tempfile::tempdir().unwrap();
        let source = fixture_lake_by_month(folder.path(), version);
        let warehouse = Warehouse::open(vec![source], None, &[], None).unwrap();
        let of_bills = QUESTIONS.iter().filter(|question| question.name.starts_with("cost/"));
        let differences: Vec<String> = of_bills
            .filter_map(|question| {
                let expected =
                    fs::read_to_string(queries().join(question.name).with_extension("expect")).unwrap();
                let found = answer(&warehouse, question, &expected);
                (found != expected).then(|| first_difference(question, &expected, &found))
            })
            .collect();
        assert!(differences.is_empty(), "layout {version}: {}", differences.join("\n"));
    }
}

#[test]
fn redacted_questions_show_no_account() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = fixture_lake(folder.path());
    for caches in [vec![cache.path().to_path_buf()], Vec::new()] {
        let warehouse = Warehouse::open(vec![source.clone()], None, &caches, Some("key")).unwrap();
        for question in QUESTIONS {
            let expected =
                fs::read_to_string(queries().join(question.name).with_extension("expect")).unwrap();
            let found = answer(&warehouse, question, &expected);
            for account in ["111122223333", "444455556666", "777788889999"] {
                assert!(!found.contains(account), "{} shows {account}: {found}", question.name);
            }
        }
    }
}

#[test]
fn every_expect_file_belongs_to_a_question() {
    let known: BTreeSet<PathBuf> =
        QUESTIONS.iter().map(|question| queries().join(question.name).with_extension("expect")).collect();
    let folders = fs::read_dir(queries()).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let expect: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "expect")).collect();
    let unknown: Vec<&PathBuf> = expect.iter().filter(|path| !known.contains(*path)).collect();
    assert!(!expect.is_empty() && unknown.is_empty(), "no question has these files: {unknown:?}");
}
