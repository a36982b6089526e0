//! Runs the commands about costs against bills in memory.

#![allow(clippy::disallowed_methods, reason = "the files of budgets and drawings are written and read")]

use std::fs;
use std::path::Path;

use catalog::testing::MemoryAsk;
use catalog::{Page, QuestionRow, Value};
use clap::Parser;
use console::{Exit, FailureKind, OutputFormat};
use domain::Timestamp;

use super::{alerts, budget, calendar, cost, forecast, plan};
use crate::cost_sample::{SampleCharge, steady, usage, warehouse};
use crate::test_run::{TestRun, TestUser};

const PAYER: &str = "111122223333";
const NOW: &str = "2026-11-20T10:00:00Z";

#[derive(Parser)]
enum CostCommandLine {
    Cost(cost::CostArgs),
    Forecast(forecast::ForecastArgs),
    Budget(budget::BudgetArgs),
    Calendar(calendar::CalendarArgs),
    Alerts(alerts::AlertsArgs),
    Plan(plan::CostPlanArgs),
}

/// Runs a command line with the files of a configuration folder. Returns the result, standard
/// output and standard error.
fn run(ask: &MemoryAsk, config: &Path, line: &str, format: OutputFormat) -> TestRun {
    let words = line.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace('_', " "));
    let typed = CostCommandLine::try_parse_from(["truffle".to_string()].into_iter().chain(words));
    let user = TestUser { config, ..TestUser::new(ask, NOW) };
    let now = user.as_of;
    user.run(format, |ports, printer| match typed.unwrap_or_else(|error| panic!("{line}: {error}")) {
        CostCommandLine::Cost(args) => cost::run_cost(&args, ports, printer, now),
        CostCommandLine::Forecast(args) => forecast::run_forecast(&args, ports, printer, now),
        CostCommandLine::Budget(args) => budget::run_budget(&args, ports, printer, now),
        CostCommandLine::Alerts(args) => alerts::run_alerts(&args, ports, printer, now),
        CostCommandLine::Plan(args) => plan::run_plan(&args, ports, printer),
        CostCommandLine::Calendar(args) => calendar::run_calendar(&args, ports, printer, now),
    })
}

/// Two services with fees, credits and tax in October, and half of November.
fn bills() -> MemoryAsk {
    let of = |category: &'static str, day: &str, service: &'static str, cost: &str| SampleCharge {
        category,
        ..usage(day, service, cost)
    };
    let mut charges = steady("2026-10-01", "2026-11-19", "EC2", "10");
    charges.extend(steady("2026-10-01", "2026-11-19", "S3", "1.5"));
    charges.extend([
        of("Purchase", "2026-10-01", "EC2", "100"),
        of("Purchase", "2026-11-01", "EC2", "100"),
        of("Credit", "2026-11-02", "EC2", "-20"),
        of("Tax", "2026-11-01", "Tax", "7.000000000000000001"),
    ]);
    let tagged = SampleCharge { tag: Some("core"), ..usage("2026-11-03", "Lambda", "2") };
    charges.push(tagged);
    warehouse(
        &charges,
        &[(PAYER, "2026-10", "2026-11-04", true), (PAYER, "2026-11", "2026-11-20T08:00:00Z", true)],
    )
}

/// Returns the column of a CSV answer.
fn column(csv: &str, name: &str) -> Vec<String> {
    let at = csv.lines().next().unwrap().split(',').position(|field| field == name);
    let at = at.unwrap_or_else(|| panic!("no column {name} in {csv}"));
    csv.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().to_string()).collect()
}

fn sum(texts: &[String]) -> String {
    let numbers =
        texts.iter().filter(|text| !text.is_empty()).map(|text| text.parse::<domain::Decimal>().unwrap());
    numbers.sum::<domain::Decimal>().normalize().to_string()
}

#[test]
fn the_parts_of_a_cost_add_up_to_the_whole_under_every_grouping() {
    let parts = ["usage_cost", "fee_cost", "credit_cost", "refund_cost", "tax_cost", "uncategorized_cost"];
    for line in
        ["cost", "cost --by account", "cost --by category,service", "cost --by tag:Team", "cost --top 1"]
    {
        let (done, out, err) = run(&bills(), Path::new("/none"), line, OutputFormat::Csv);
        assert_eq!(done, Ok(Exit::Done), "{line}: {err}");
        let all: Vec<String> = parts.iter().flat_map(|part| column(&out, part)).collect();
        assert_eq!(sum(&all), "307.500000000000000001", "{line}");
        assert_eq!(sum(&column(&out, "total_cost")), "307.500000000000000001", "{line}");
        let shares: f64 =
            column(&out, "share_percent").iter().map(|share| share.parse::<f64>().unwrap()).sum();
        assert!((shares - 100.0).abs() < 1e-9, "{line}: {shares}");
    }
}

#[test]
fn an_unfinished_month_is_compared_with_the_same_days_of_the_month_before() {
    let (_, out, err) = run(&bills(), Path::new("/none"), "cost", OutputFormat::Csv);
    assert_eq!(column(&out, "service_name"), ["EC2", "S3", "Tax", "Lambda"]);
    assert_eq!(column(&out, "compared_cost"), ["250", "25.5", "7.000000000000000001", "2"]);
    assert_eq!(column(&out, "previous_cost"), ["270", "25.5", "0", "0"]);
    assert_eq!(column(&out, "change_percent")[1..], ["0.0", "", ""]);
    let expected = "2026-11: USD 307.50; through 2026-11-17 284.50 against 295.50 in 2026-10 through 2026-10-17 (-3.7 %)";
    assert!(err.starts_with(expected), "{err}");
    assert!(
        err.contains("costs are complete through 2026-11-17; the newest 2 days may lack charges"),
        "{err}"
    );
    let (_, out, err) = run(&bills(), Path::new("/none"), "cost --month 2026-10", OutputFormat::Csv);
    assert_eq!(column(&out, "previous_cost"), ["", ""]);
    assert!(err.starts_with("2026-10: USD 456.50; the month before is not collected"), "{err}");
}

#[test]
fn a_month_without_a_complete_day_is_compared_with_nothing() {
    let charges = steady("2026-10-01", "2026-11-02", "S3", "1.5");
    let statements = [(PAYER, "2026-10", "2026-11-04", true), (PAYER, "2026-11", "2026-11-03", true)];
    let (_, out, err) = run(&warehouse(&charges, &statements), Path::new("/none"), "cost", OutputFormat::Csv);
    assert_eq!(
        (column(&out, "total_cost"), column(&out, "previous_cost")),
        (vec!["3".into()], vec!["".into()])
    );
    assert!(err.starts_with("2026-11: USD 3.00; no day of it is complete yet"), "{err}");
}

#[test]
fn untagged_costs_are_a_row_and_the_coverage_is_noted() {
    let (_, out, err) = run(&bills(), Path::new("/none"), "cost --by tag:Team", OutputFormat::Csv);
    assert_eq!(column(&out, "tag:Team"), ["", "core"]);
    assert!(err.contains("tag:Team: 0.7 % of the cost in USD is tagged"), "{err}");
    let (_, table, _) = run(&bills(), Path::new("/none"), "cost --by tag:Team", OutputFormat::Table);
    assert!(table.contains("(untagged)") && table.contains("Total cost (USD)"), "{table}");
}

#[test]
fn two_currencies_are_never_added() {
    let euro = SampleCharge { currency: "EUR", ..usage("2026-10-02", "S3", "5") };
    let charges = [usage("2026-10-02", "S3", "3"), euro, usage("2026-10-31", "S3", "-4")];
    let ask = warehouse(&charges, &[(PAYER, "2026-10", "2026-11-06", true)]);
    let (_, out, err) = run(&ask, Path::new("/none"), "cost", OutputFormat::Csv);
    assert_eq!(column(&out, "total_cost"), ["5", "-1"]);
    assert_eq!(column(&out, "share_percent"), ["100.0", "100.0"]);
    assert!(err.contains("2026-10: EUR 5.00") && err.contains("2026-10: USD -1.00"), "{err}");
}

#[test]
fn bad_requests_have_a_sentence_and_a_kind() {
    let check = |line: &str, message: &str, kind: FailureKind| {
        let failure = run(&bills(), Path::new("/none"), line, OutputFormat::Csv).0.unwrap_err();
        assert_eq!((failure.message.as_str(), failure.kind), (message, kind), "{line}");
        assert!(failure.hint.is_some(), "{line}");
    };
    let usage = FailureKind::Usage;
    check("cost --month 2027-01", "--month 2027-01 is in the future", usage);
    check("cost --month 2026-13", "--month \"2026-13\" is not a month", usage);
    check("cost --month 2026-07", "not collected yet: charges of 2026-07", FailureKind::Data);
    check("cost --through 2026-11-21", "--through 2026-11-21 is in the future", usage);
    check("cost --by servce", "--by \"servce\" is not a dimension; the closest match is service", usage);
    check("cost --by owner", "no charge has a tag for owner (spawn:owner)", usage);
    check("cost --by type", "not collected: the bills state no usage_type", FailureKind::Data);
    check("cost --by tag:Team,owner", "--by has a second tag: owner", usage);
    check("forecast --by tag:team2", "no charge has a tag for tag:team2 (team2)", usage);
    check(
        "forecast --through 2026-09-30",
        "--through 2026-09-30 is before the first day of the bills",
        FailureKind::NoMatch,
    );
}

#[test]
fn a_forecast_has_the_same_total_under_every_grouping() {
    let total = |line: &str| {
        let (done, out, err) = run(&bills(), Path::new("/none"), line, OutputFormat::Csv);
        assert_eq!(done, Ok(Exit::Done), "{line}: {err}");
        let columns = ["actual_cost", "scheduled_cost", "forecast_cost"].map(|name| sum(&column(&out, name)));
        let total = sum(&column(&out, "total_cost"));
        assert_eq!(sum(&columns), total, "{line}");
        total
    };
    let whole = total("forecast");
    for by in ["account", "service", "region", "category", "tag:Team"] {
        assert_eq!(total(&format!("forecast --by {by}")), whole, "{by}");
    }
    let number: f64 = whole.parse().unwrap();
    assert!((number - 434.0).abs() < 15.0, "11.5 a day, a fee, a credit and tax: {whole}");
}

#[test]
fn a_forecast_by_day_adds_up_to_its_month() {
    let (_, months, _) = run(&bills(), Path::new("/none"), "forecast --horizon 3m", OutputFormat::Csv);
    let (_, days, _) = run(&bills(), Path::new("/none"), "forecast --horizon 3m --daily", OutputFormat::Csv);
    assert_eq!(column(&months, "billing_period_start"), ["2026-11-01", "2026-12-01", "2027-01-01"]);
    assert_eq!(column(&days, "day").len(), 30 + 31 + 31);
    assert_eq!(sum(&column(&days, "total_cost")), sum(&column(&months, "total_cost")));
    assert_eq!(column(&months, "previous_month_cost")[1], column(&months, "total_cost")[0]);
    assert_eq!(column(&months, "previous_month_cost")[0], "456.5");
}

#[test]
fn plans_and_ends_of_instances_change_the_forecast_and_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let without = run(&bills(), folder.path(), "forecast", OutputFormat::Csv).1;
    fs::write(
        folder.path().join("plans.toml"),
        "[[plan]]\nfilter = [\"service=EC2\"]\nstarts_on = 2026-11-21\nends_on = 2026-11-30\ncost_per_day = 3\n\
         [[plan]]\nstarts_on = 2026-01-01\nends_on = 2026-02-01\ncost_per_day = 3\n",
    )
    .unwrap();
    let ends = |_: &[(String, Value)]| {
        let expires: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let row = vec![
            "i-1".into(),
            "batch".into(),
            expires.into(),
            PAYER.into(),
            "USD".into(),
            "Usage".into(),
            PAYER.into(),
            "EC2".into(),
            "us-east-1".into(),
            Value::Null,
            "i-1".into(),
            Value::Float(2.0),
        ];
        Page { fields: catalog::rows::KnownEndRow::fields(), rows: vec![row] }
    };
    let ask = bills().answer("cost/known-ends", ends);
    let (_, with, err) = run(&ask, folder.path(), "forecast --by service", OutputFormat::Csv);
    let difference =
        sum(&[sum(&column(&with, "total_cost")), format!("-{}", sum(&column(&without, "total_cost")))]);
    assert_eq!(difference, "26", "ten days of a plan, two days without the instance");
    assert!(err.contains("plan: service=EC2: USD +3.00 a day from 2026-11-21 until 2026-11-30"), "{err}");
    assert!(err.contains("known end: i-1 (batch) ends on 2026-11-28: USD -2.00 a day"), "{err}");
    assert!(!err.contains("2026-01-01"), "{err}");
}

#[test]
fn budgets_are_set_listed_checked_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv);
    let (done, _, err) = go("budget set ec2 --amount 260 --filter service=EC2 --dry-run");
    assert_eq!((done, err.contains("nothing was changed")), (Ok(Exit::Done), true));
    assert!(!folder.path().join("budgets.toml").exists());
    let set = "budget set ec2 --amount 260 --filter service=EC2 --actual 90,100 --forecast 100,200";
    assert_eq!(go(set).0, Ok(Exit::Done));
    assert_eq!(go("budget set wide --amount 10000").0, Ok(Exit::Done));
    assert_eq!(column(&go("budget list").1, "name"), ["ec2", "wide"]);
    let (done, out, _) = go("budget check");
    assert_eq!(done, Ok(Exit::PersonNeeded));
    assert_eq!(column(&out, "state"), ["crossed", "within"]);
    assert_eq!(column(&out, "actual_cost"), ["250", "284.500000000000000001"]);
    assert!(out.contains("actual 90 %") && out.contains("forecast 100 %"), "{out}");
    assert!(!out.contains("actual 100 %") && !out.contains("forecast 200 %"), "{out}");
    assert_eq!(go("budget check wide").0, Ok(Exit::Done));
    assert_eq!(go("budget remove ec2 --dry-run").0, Ok(Exit::Done));
    assert_eq!(column(&go("budget remove ec2").1, "name"), ["wide"]);
    let failure = go("budget remove ec2").0.unwrap_err();
    assert_eq!(failure.message, "there is no budget ec2");
}

#[test]
fn a_budget_that_cannot_be_seen_is_neither_crossed_nor_kept() {
    let check = |set: &str, ask: &MemoryAsk, line: &str, reason: &str| {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            run(ask, folder.path(), &format!("budget set a {set}"), OutputFormat::Csv).0,
            Ok(Exit::Done)
        );
        let (done, out, err) = run(ask, folder.path(), line, OutputFormat::Csv);
        let failure = done.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Data, "{set}");
        assert_eq!(column(&out, "state"), ["unseen"], "{set}");
        assert!(err.contains(&format!("budget a could not be seen: {reason}")), "{set}: {err}");
    };
    let ask = bills();
    check("--amount 1 --filter service=S4", &ask, "budget check", "no charge matches the filter");
    check("--amount 1 --currency EUR", &ask, "budget check", "no charge in EUR matches");
    check(
        "--percent-of-last 100 --period quarter",
        &ask,
        "budget check",
        "the last period is not known: no bill covers 2026-07-01",
    );
    check("--amount 1 --filter tag:x=1", &ask, "budget check", "no charge has a tag for tag:x (x)");
    check("--amount 1", &warehouse(&[], &[]), "budget check", "not collected yet: charges");
    let old =
        warehouse(&steady("2026-09-01", "2026-09-30", "S3", "1"), &[(PAYER, "2026-09", "2026-10-04", true)]);
    check("--amount 1", &old, "budget check", "the bills are complete only through 2026-09-30");
    let folder = tempfile::tempdir().unwrap();
    run(&old, folder.path(), "budget set a --amount 30", OutputFormat::Csv).0.unwrap();
    let (done, ..) = run(&old, folder.path(), "budget check --through 2026-09-30", OutputFormat::Csv);
    assert_eq!(done, Ok(Exit::PersonNeeded));
}

#[test]
fn a_budget_of_0_is_crossed_by_any_cost_and_one_in_percent_by_a_rise() {
    let folder = tempfile::tempdir().unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv);
    go("budget set none --amount 0 --filter service=S3 --actual 100").0.unwrap();
    assert_eq!(go("budget check none").0, Ok(Exit::PersonNeeded));
    go("budget set last --percent-of-last 50 --filter service=S3").0.unwrap();
    let (done, out, _) = go("budget check last");
    assert_eq!(done, Ok(Exit::PersonNeeded));
    assert_eq!(column(&out, "budget_cost"), ["23.25"]);
}

#[test]
fn the_calendar_has_a_row_for_each_day_and_a_line_for_each_week() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.svg");
    let line = format!("calendar --months 2 --filter service=EC2 --svg {}", file.display());
    let (done, out, err) = run(&bills(), folder.path(), &line, OutputFormat::Csv);
    assert_eq!(done, Ok(Exit::Done), "{err}");
    let days = column(&out, "day");
    assert_eq!((days.len(), days[0].as_str(), days[49].as_str()), (31 + 19, "2026-10-01", "2026-11-19"));
    assert_eq!(sum(&column(&out, "cost")), "680");
    assert_eq!(column(&out, "level")[..2], ["4", "1"]);
    assert_eq!(column(&out, "state").iter().filter(|state| *state == "incomplete").count(), 2);
    let svg = fs::read_to_string(&file).unwrap();
    assert!(svg.contains("billed_cost of each day: service=EC2 (USD)") && svg.contains("~10.00"), "{svg}");
    let (_, table, _) = run(&bills(), folder.path(), "calendar --months 1", OutputFormat::Table);
    assert!(table.starts_with("Month") && table.contains("01 █ 118.50"), "{table}");
    assert!(table.contains("19 ░ ~11.50") && table.lines().count() == 6, "{table}");
    let (done, _, err) = run(&bills(), folder.path(), "calendar --filter service=S4", OutputFormat::Csv);
    assert_eq!(
        (done, err.contains("no match: no charge matches service=S4")),
        (Ok(Exit::NothingMatched), true)
    );
}

#[test]
fn each_crossed_threshold_is_an_alert_with_the_same_id_at_every_run() {
    let folder = tempfile::tempdir().unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv);
    let of_budgets = |csv: &str| -> Vec<String> {
        column(csv, "alert_id").into_iter().filter(|id| id.starts_with("budget/")).collect()
    };
    let (_, out, err) = go("alerts");
    assert!(err.starts_with("no budgets in ") && of_budgets(&out).is_empty(), "{err}");
    go("budget set ec2 --amount 260 --filter service=EC2 --actual 90,100 --forecast 100").0.unwrap();
    let (done, out, _) = go("alerts");
    assert_eq!(done, Ok(Exit::Done));
    let ids = of_budgets(&out);
    assert_eq!(ids, ["budget/ec2/2026-11-01/actual/90/USD", "budget/ec2/2026-11-01/forecast/100/USD"]);
    assert_eq!(of_budgets(&go("alerts").1), ids);
    assert!(out.contains("is 250.00 USD, which has reached 90 % of 260.00 USD"), "{out}");
    go("budget set gone --amount 1 --filter service=S4").0.unwrap();
    let (done, out, _) = go("alerts");
    assert_eq!(done.unwrap_err().message, "budgets that could not be seen: 1");
    assert_eq!(of_budgets(&out), ids);
}

#[test]
fn bills_too_short_for_anomalies_end_alerts_with_4_after_the_alerts_of_budgets() {
    let folder = tempfile::tempdir().unwrap();
    let charges = steady("2026-11-01", "2026-11-19", "S3", "2");
    let ask = warehouse(&charges, &[(PAYER, "2026-11", "2026-11-20T08:00:00Z", true)]);
    let go = |line: &str| run(&ask, folder.path(), line, OutputFormat::Csv);
    go("budget set all --amount 10 --actual 100 --forecast 200").0.unwrap();
    let (done, out, _) = go("alerts");
    let failure = done.unwrap_err();
    assert_eq!(failure.message, "anomalies need more than 28 days of costs; the bills have 17");
    assert_eq!(failure.kind, FailureKind::Data);
    assert_eq!(column(&out, "kind"), ["budget-actual", "budget-forecast"]);
}

#[test]
fn a_budget_with_a_dimension_that_the_settings_lack_is_unseen_and_the_others_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[ours]\namount = 10000\nactual_percent = [100]\n\
                [theirs]\namount = 1\nactual_percent = [100]\nfilter = [\"center=a\"]\n";
    fs::write(folder.path().join("budgets.toml"), text).unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv);
    let (done, out, _) = go("budget check");
    let failure = done.unwrap_err();
    let message = "budget theirs could not be seen: filter \"center\" is not a dimension";
    assert_eq!((failure.message.as_str(), failure.kind), (message, FailureKind::Data));
    assert_eq!(column(&out, "state"), ["within", "unseen"]);
    assert_eq!(go("forecast").0, Ok(Exit::Done));
    assert_eq!(go("alerts").0.unwrap_err().kind, FailureKind::Data);
}

#[test]
fn the_age_of_the_bills_is_below_budgets_and_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv).2;
    go("budget set all --amount 10000");
    for line in ["budget check", "alerts", "cost", "forecast", "calendar"] {
        let err = go(line);
        assert!(err.contains("newest usage in the bills 1 day old"), "{line}: {err}");
    }
}

#[test]
fn plans_are_set_listed_and_removed_and_those_without_a_name_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let go = |line: &str| run(&bills(), folder.path(), line, OutputFormat::Csv);
    let set = "plan set ec2 --cost-per-day -2.5 --starts-on 2026-11-21 --filter service=EC2";
    let (done, out, err) = go(&format!("{set} --dry-run"));
    assert_eq!((done, err.contains("nothing was changed")), (Ok(Exit::Done), true));
    assert_eq!(column(&out, "cost_per_day"), ["-2.5"]);
    assert!(!folder.path().join("plans.toml").exists());
    let by_hand = "[[plan]]\nstarts_on = 2026-11-30\ncost_per_day = 1\n";
    fs::write(folder.path().join("plans.toml"), by_hand).unwrap();
    let before = go("forecast --by service").1;
    assert_eq!(go(set).0, Ok(Exit::Done));
    assert_eq!(go(&format!("{set} --ends-on 2026-11-22")).0, Ok(Exit::Done));
    assert_eq!(column(&go("plan list").1, "name"), ["", "ec2"]);
    assert_eq!(column(&go("plan list").1, "ends_on"), ["", "2026-11-22"]);
    let (_, after, err) = go("forecast --by service");
    let totals = [sum(&column(&after, "total_cost")), format!("-{}", sum(&column(&before, "total_cost")))];
    assert_eq!(sum(&totals), "-5", "two days of the plan");
    assert!(err.contains("plan ec2: service=EC2: USD -2.50 a day from 2026-11-21 until 2026-11-22"), "{err}");
    assert!(!err.contains("no charge matches its filter"), "{err}");
    go("plan set new --cost-per-day 1 --starts-on 2026-11-21 --filter service=ECS").0.unwrap();
    let err = go("forecast").2;
    assert!(err.contains("a day from 2026-11-21; no charge matches its filter yet"), "{err}");
    assert_eq!(column(&go("plan remove new").1, "name"), ["", "ec2"]);
    assert_eq!(go("plan remove ec2 --dry-run").0, Ok(Exit::Done));
    assert_eq!(column(&go("plan remove ec2").1, "name"), [""]);
    let failure = go("plan remove ec3").0.unwrap_err();
    assert_eq!(failure.message, "there is no plan ec3");
}

#[test]
fn refuses_plans_that_change_no_day() {
    let folder = tempfile::tempdir().unwrap();
    let check = |words: &str, message: &str| {
        let line = format!("plan set {words}");
        let failure = run(&bills(), folder.path(), &line, OutputFormat::Csv).0.unwrap_err();
        assert_eq!((failure.message.as_str(), failure.kind), (message, FailureKind::Usage), "{words}");
        assert!(failure.hint.is_some(), "{words}");
    };
    let day = "--cost-per-day 1 --starts-on 2026-12-02";
    check(&format!("a {day} --ends-on 2026-12-01"), "plan a: ends_on 2026-12-01 is before starts_on");
    check("a --cost-per-day 1 --starts-on soon", "plan a: starts_on soon is not a day");
    check(&format!("a {day} --currency usd"), "plan a: \"usd\" is not a currency code such as USD");
    check(
        &format!("a {day} --filter servce=EC2"),
        "plan a: filter \"servce\" is not a dimension; the closest match is service",
    );
    check(&format!("a.b {day}"), "\"a.b\" is not a valid name: use letters, digits, - and _");
    assert!(!folder.path().join("plans.toml").exists());
}

#[test]
fn a_payer_without_current_bills_is_not_forecast() {
    let total = |closed: &[SampleCharge], statements: &[(&'static str, &'static str, &'static str, bool)]| {
        let mut charges = steady("2026-09-01", "2026-10-31", "S3", "2");
        charges.extend_from_slice(closed);
        let mut all = vec![(PAYER, "2026-09", "2026-10-04", true), (PAYER, "2026-10", "2026-11-04", true)];
        all.extend_from_slice(statements);
        let ask = warehouse(&charges, &all);
        let (_, out, _) = run(&ask, Path::new("/none"), "forecast", OutputFormat::Csv);
        sum(&column(&out, "total_cost"))
    };
    let of = |charge: SampleCharge| SampleCharge { payer: "777788889999", ..charge };
    let closed: Vec<SampleCharge> =
        steady("2026-08-01", "2026-08-31", "EC2", "50").into_iter().map(of).collect();
    let statement = [("777788889999", "2026-08", "2026-09-04", true)];
    assert_eq!(total(&closed, &statement), total(&[], &[]));
}
