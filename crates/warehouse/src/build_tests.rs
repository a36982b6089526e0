//! Runs every statement of `queries/` against empty typed tables.

use catalog::{QUESTIONS, QuestionRow, Value, ValueType};
use domain::Timestamp;
use duckdb::Connection;

use super::*;

/// Checks every question against empty typed tables: it can be prepared, it uses exactly the
/// parameters that its head declares, and its columns are those of its row struct. Returns one
/// sentence per fault.
fn check_questions() -> Vec<String> {
    let connection = match Connection::open_in_memory() {
        Ok(connection) => connection,
        Err(error) => return vec![error.to_string()],
    };
    if let Err(error) = make_all(&connection, &[]) {
        return vec![error.to_string()];
    }
    QUESTIONS.iter().flat_map(|question| check(&connection, question)).collect()
}

fn check(connection: &Connection, question: &catalog::Question) -> Vec<String> {
    let name = question.name;
    let params = question.params();
    let used = match connection.prepare(question.text) {
        Ok(statement) => (1..=statement.parameter_count())
            .filter_map(|at| statement.parameter_name(at).ok())
            .collect::<Vec<String>>(),
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let mut faults = Vec::new();
    for unknown in used.iter().filter(|used| params.iter().all(|p| p.name != **used)) {
        faults.push(format!("{name}: ${unknown} is not declared in the head"));
    }
    for idle in params.iter().filter(|param| !used.contains(&param.name)) {
        faults.push(format!("{name}: ${} is declared and not used", idle.name));
    }
    if faults.is_empty() {
        faults.extend(check_columns(connection, question));
    }
    faults
}

fn check_columns(connection: &Connection, question: &catalog::Question) -> Option<String> {
    let sample = |ty: &ValueType| match ty {
        ValueType::Int => Value::Int(1),
        ValueType::Float => Value::Float(1.0),
        ValueType::Timestamp => Value::Timestamp(Timestamp::UNIX_EPOCH),
        _ => "x".into(),
    };
    let values: Vec<(String, Value)> =
        question.params().into_iter().map(|p| (p.name, sample(&p.ty))).collect();
    let found = match crate::answer::ask(connection, question, &values) {
        Ok(page) => page.fields,
        Err(error) => return Some(format!("{}: {error}", question.name)),
    };
    let (_, expected) = typed_rows().into_iter().find(|(name, _)| *name == question.name)?;
    (found != expected).then(|| {
        let at = found.iter().zip(&expected).position(|(f, e)| f != e);
        let differ = at.map(|at| format!("{:?} instead of {:?}", found[at], expected[at]));
        let differ =
            differ.unwrap_or_else(|| format!("{} columns instead of {}", found.len(), expected.len()));
        format!("{}: the columns are not those of its row struct: {differ}", question.name)
    })
}

/// The columns of the questions that programs read as typed rows.
fn typed_rows() -> Vec<(&'static str, Vec<Field>)> {
    use catalog::rows::{
        BandStayRow, CapacityBlockRow, CheapestCommitmentRow, CollectionRunRow, CostArrivalRow,
        CostStatementRow, DailyCostRow, DiscountRow, FreeReservationRow, InterruptionBandRow, KnownEndRow,
        NewestUsageRow, OnDemandPriceRow, OwnedCommitmentRow, PlanHoursRow, PlanUsageRow, PriceChangeRow,
        PricePeriodRow, PricedUsageRow, PurchaseOptionRow, QuarantinedPrice, QuotaRow, RegionAccessRow,
        RegionBandRow, RegionOfferRow, RegionRow, RegionSpotPriceRow, RepricedRow, SpotLatestRow,
        SpotPriceRow, SpotScoreRow, SpotStepRow, SpotWeekRow, TypeBenchmarkRow, TypeOfferRow, TypePriceRow,
        VcpuUsageRow, ZoneOfferRow,
    };
    vec![
        ("instance/facts", catalog::TypeFacts::fields()),
        ("data/runs", CollectionRunRow::fields()),
        ("offering/zones", ZoneOfferRow::fields()),
        ("price/current", OnDemandPriceRow::fields()),
        ("price/changes", PriceChangeRow::fields()),
        ("price/commitments", CheapestCommitmentRow::fields()),
        ("instance/benchmarks", TypeBenchmarkRow::fields()),
        ("price/discounts", DiscountRow::fields()),
        ("price/held", QuarantinedPrice::fields()),
        ("price/purchase-options", PurchaseOptionRow::fields()),
        ("offering/regions", RegionOfferRow::fields()),
        ("region/list", RegionRow::fields()),
        ("commitment/hours", PlanHoursRow::fields()),
        ("commitment/owned", OwnedCommitmentRow::fields()),
        ("commitment/usage", PlanUsageRow::fields()),
        ("cost/arrival", CostArrivalRow::fields()),
        ("cost/daily", DailyCostRow::fields()),
        ("cost/daily-leaves", DailyCostRow::fields()),
        ("cost/priced-usage", PricedUsageRow::fields()),
        ("cost/repriced", RepricedRow::fields()),
        ("cost/unused-commitments", DailyCostRow::fields()),
        ("cost/known-ends", KnownEndRow::fields()),
        ("cost/newest-usage", NewestUsageRow::fields()),
        ("cost/statements", CostStatementRow::fields()),
        ("region/access", RegionAccessRow::fields()),
        ("capacity/blocks", CapacityBlockRow::fields()),
        ("capacity/quotas", QuotaRow::fields()),
        ("capacity/reservations", FreeReservationRow::fields()),
        ("capacity/usage", VcpuUsageRow::fields()),
        ("spot/observed", SpotPriceRow::fields()),
        ("price/periods", PricePeriodRow::fields()),
        ("price/plan-periods", PricePeriodRow::fields()),
        ("spot/band-stays", BandStayRow::fields()),
        ("spot/region-bands", RegionBandRow::fields()),
        ("spot/region-now", RegionSpotPriceRow::fields()),
        ("spot/scores", SpotScoreRow::fields()),
        ("spot/latest", SpotLatestRow::fields()),
        ("spot/steps", SpotStepRow::fields()),
        ("spot/weekly", SpotWeekRow::fields()),
        ("spot/bands", InterruptionBandRow::fields()),
        ("offering/of-types", TypeOfferRow::fields()),
        ("price/on-demand", TypePriceRow::fields()),
    ]
}

#[test]
fn every_question_has_the_columns_of_its_row_struct() {
    assert_eq!(check_questions(), Vec::<String>::new());
}

/// Returns the answer to a question over tables that these statements replace.
fn answer_over(tables: &str, name: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open_in_memory().unwrap();
    make_all(&connection, &[]).unwrap();
    // A temporary table hides the table or view of the same name.
    connection.execute_batch(tables).unwrap();
    let as_of: Timestamp = "2026-06-01T00:00:00Z".parse().unwrap();
    crate::answer::ask(&connection, catalog::question(name).unwrap(), &[("as_of".into(), as_of.into())])
        .unwrap()
        .rows
}

#[test]
fn a_region_with_only_unchanged_runs_counts_as_collected() {
    let check = |outcome: &str, types: Value| {
        let tables = format!(
            "CREATE TEMP TABLE collection_run AS SELECT 'offering' AS dataset, 'us-east-1' AS scope, \
                 '{outcome}' AS outcome, TIMESTAMP '2026-01-01' AS observed_at; \
             CREATE TEMP TABLE region_history AS SELECT 'us-east-1' AS region, 'aws' AS \"partition\", \
                 'Virginia' AS name, TIMESTAMP '2026-01-01' AS valid_from, NULL::TIMESTAMP AS valid_until"
        );
        let row = vec!["us-east-1".into(), "aws".into(), "Virginia".into(), Value::Null, types, Value::Null];
        assert_eq!(answer_over(&tables, "region/list"), [row], "{outcome}");
    };
    for collected in ["complete", "partial", "empty", "unchanged"] {
        check(collected, Value::Int(0));
    }
    check("failed", Value::Null);
}

#[test]
fn lists_the_tag_keys_and_the_metrics_that_there_are() {
    let charges = "CREATE TEMP TABLE charge_history AS \
        SELECT unnest(['{\"user:Name\":\"a\",\"team\":\"x\"}', '{\"Name\":\"b\"}', 'no json', NULL]) AS tags, \
            TIMESTAMP '2026-01-01' AS valid_from, NULL::TIMESTAMP AS valid_until";
    let keys = [vec!["Name".into(), Value::Int(2)], vec!["team".into(), Value::Int(1)]];
    assert_eq!(answer_over(charges, "cost/tag-keys"), keys);
    let benchmarks = "CREATE TEMP TABLE benchmark AS SELECT 'cpu' AS metric, \
        unnest(['m7i.large', 'm7i.large', 'r7i.large']) AS instance_type, NULL::TIMESTAMP AS measured_at";
    assert_eq!(answer_over(benchmarks, "instance/metrics"), [vec!["cpu".into(), Value::Int(2)]]);
}

#[test]
fn quotes_paths_as_literals() {
    assert_eq!(literal("/a'b"), "'/a''b'");
}

/// Returns a source with one file of spot prices per query; the file contains the query's rows.
fn spot_source(root: &std::path::Path, files: &[&str]) -> WarehouseSource {
    std::fs::create_dir_all(root).unwrap();
    let writer = Connection::open_in_memory().unwrap();
    let file = |(at, rows): (usize, &&str)| {
        let path = format!("{at}.parquet");
        let shown = root.join(&path).to_string_lossy().into_owned();
        writer.execute_batch(&format!("COPY ({rows}) TO {}", literal(&shown))).unwrap();
        let (dataset, found) = ("spot_price".into(), durable::file_digest(&root.join(&path)).unwrap());
        let sha256 = domain::hex(found.sha256);
        DataFile { dataset, version: 1, path, rows: 1, bytes: found.bytes, sha256 }
    };
    let manifest = catalog::Manifest {
        format: catalog::FORMAT,
        number: 1,
        tool_version: String::new(),
        written_at: String::new(),
        files: files.iter().enumerate().map(file).collect(),
    };
    WarehouseSource { root: root.to_path_buf(), manifest }
}

/// Returns a source with one Parquet file of the query's rows.
fn source_of(root: &std::path::Path, dataset: &str, rows: &[&str]) -> WarehouseSource {
    let mut source = spot_source(root, rows);
    source.manifest.files.iter_mut().for_each(|file| file.dataset = dataset.into());
    source
}

const ROW: &str = "SELECT TIMESTAMP '2026-01-01' AS observed_at, 'm7i.large' AS instance_type, \
    'us-east-1' AS region, 'use1-az1' AS az_id, 0.5::DECIMAL(18,10) AS price_per_hour, 'x' AS run_id";

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn reads_files_with_different_columns_together() {
    let folder = tempfile::tempdir().unwrap();
    // Read as a partition, the folder's name would replace the files' own column.
    let root = folder.path().join("region=zz");
    let source = spot_source(&root, &[ROW, &format!("{ROW}, 'USD' AS currency, 7 AS later")]);
    let connection = Connection::open_in_memory().unwrap();
    make_all(&connection, std::slice::from_ref(&source)).unwrap();
    let rows = "SELECT concat_ws(' ', region, coalesce(currency, 'null'), coalesce(product, 'null')) \
        FROM spot_price ORDER BY ALL";
    assert_eq!(texts(&connection, rows), ["us-east-1 USD null", "us-east-1 null null"]);
    let types = "SELECT column_name || ' ' || data_type FROM duckdb_columns() \
        WHERE table_name = 'spot_price' ORDER BY column_index";
    let typed = [
        "observed_at TIMESTAMP",
        "instance_type VARCHAR",
        "region VARCHAR",
        "az_id VARCHAR",
        "product VARCHAR",
        "price_per_hour DECIMAL(18,10)",
        "currency VARCHAR",
        "run_id VARCHAR",
    ];
    assert_eq!(texts(&connection, types), typed);

    let mut other = source;
    other.manifest.files[0].version = 0;
    let spot = catalog::dataset("spot_price").unwrap();
    assert_eq!(files_where(spot, std::slice::from_ref(&other), |_| true).len(), 1);
}

/// Returns the plan of a query, as text.
fn plan(connection: &Connection, sql: &str) -> String {
    let mut plan = connection.prepare(&format!("EXPLAIN {sql}")).unwrap();
    let plan: Vec<String> = plan.query_map([], |row| row.get(1)).unwrap().map(Result::unwrap).collect();
    plan.concat()
}

#[test]
fn a_macro_over_files_keeps_the_pushdown_of_filters_and_columns() {
    let folder = tempfile::tempdir().unwrap();
    let row = "SELECT '1/2026-10' AS bill, 'r' AS run_id, 'Amazon S3' AS service_name, '{}' AS tags, \
        1::DECIMAL(38,18) AS billed_cost, TIMESTAMP '2026-10-01' AS billing_period_start";
    let connection = Connection::open_in_memory().unwrap();
    make_all(&connection, &[source_of(folder.path(), "charge", &[row])]).unwrap();
    let plan = plan(
        &connection,
        "SELECT sum(billed_cost) FROM charge_of_month('all', TIMESTAMP '2026-11-20') \
         WHERE service_name = 'Amazon S3'",
    );
    assert!(plan.contains("service_name='Amazon S3'"), "the scan itself filters: {plan}");
    assert!(!plan.contains("FILTER ") && !plan.contains("tags"), "the scan reads few columns: {plan}");
}

#[test]
fn a_view_over_files_keeps_filter_pushdown() {
    let folder = tempfile::tempdir().unwrap();
    let row = format!("{ROW}, 'USD' AS currency");
    let connection = Connection::open_in_memory().unwrap();
    make_all(&connection, &[spot_source(folder.path(), &[&row, &row])]).unwrap();
    let plan = plan(&connection, "SELECT * FROM spot_price WHERE instance_type = 'm7i.large'");
    assert!(plan.contains("READ_PARQUET") && plan.contains("Filters"), "the scan itself filters: {plan}");
    assert!(!plan.contains("UNION") && !plan.contains("FILTER "), "{plan}");
}

/// A query with one row of the run log for each (day, scope) of charges.
fn runs_of_charges(runs: &[(&str, &str)]) -> String {
    let row = |(day, scope): &(&str, &str)| {
        format!(
            "SELECT '{day}' AS run_id, 'charge' AS dataset, '{scope}' AS scope, 'complete' AS outcome, \
             TIMESTAMP '2026-10-{day}' AS observed_at"
        )
    };
    runs.iter().map(row).collect::<Vec<_>>().join(" UNION ALL ")
}

#[test]
fn a_linked_accounts_report_ends_only_its_lines() {
    let check = |runs: &[(&str, &str)], lines: &str, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        let lines = format!("SELECT * FROM (VALUES {lines}) AS t (run_id, bill, sub_account_id)");
        let sources = [
            source_of(&folder.path().join("runs"), "collection_run", &[&runs_of_charges(runs)]),
            source_of(&folder.path().join("charges"), "charge", &[&lines]),
        ];
        let connection = Connection::open_in_memory().unwrap();
        make_all(&connection, &sources).unwrap();
        let spans = "SELECT concat_ws(' ', run_id, coalesce(sub_account_id, '-'), \
            coalesce(CAST(day(valid_until) AS VARCHAR), 'valid')) FROM charge_history ORDER BY ALL";
        assert_eq!(texts(&connection, spans).join(", "), expected, "{runs:?}");
        let all = texts(&connection, "SELECT bill FROM charge WHERE sub_account_id IS NULL");
        assert_eq!(all.len(), expected.matches("- valid").count(), "{runs:?}");
    };
    let payer = "('01', 'P/2026-09', 'P'), ('01', 'P/2026-09', 'A'), ('01', 'P/2026-09', NULL)";
    check(&[("01", "P/2026-09")], payer, "01 - valid, 01 A valid, 01 P valid");
    check(
        &[("01", "P/2026-09"), ("02", "P/A/2026-09"), ("03", "P/A/2026-09")],
        payer,
        "01 - valid, 01 A 2, 01 P valid",
    );
    check(
        &[("01", "P/2026-09"), ("04", "P/2026-09"), ("05", "P/A/2026-09")],
        payer,
        "01 - 4, 01 A 4, 01 P 4",
    );
    let linked = "('02', 'P/2026-09', 'A'), ('02', 'P/2026-09', 'B')";
    check(&[("02", "P/A+B/2026-09"), ("03", "P/B/2026-09")], linked, "02 A valid, 02 B 3");
    check(&[("02", "P/A+B/2026-09"), ("03", "P/A+B+C/2026-09")], linked, "02 A 3, 02 B 3");
    check(&[("02", "P/A+B/2026-09"), ("03", "P/C/2026-09")], linked, "02 A valid, 02 B valid");
    check(&[("02", "P/A+B/2026-09"), ("03", "P/2026-09")], linked, "02 A 3, 02 B 3");
    let days = "('05', 'P/2026-09-02', 'A'), ('05', 'P/2026-09-02', NULL), ('06', 'A/2026-09-02', NULL)";
    check(
        &[("05", "P/2026-09-02"), ("06", "A/2026-09-02"), ("03", "P/A/2026-09")],
        days,
        "05 - valid, 05 A 3, 06 - 3",
    );
}
