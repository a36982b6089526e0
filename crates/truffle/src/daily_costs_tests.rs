use std::path::Path;

use catalog::Page;
use catalog::rows::CostArrivalRow;
use catalog::testing::{FailingEncode, MemoryAsk};
use catalog::{QuestionRow, Value};

use super::*;
use crate::cost_sample::{SampleCharge, day, settings, steady, usage, warehouse};

const PAYER: &str = "111122223333";

fn load(ask: &MemoryAsk, as_of: &str, query: &DailyCostsQuery<'_>) -> Result<BillHistory, Failure> {
    let settings = settings(Path::new("/nowhere"));
    let as_of = domain::parse_until(as_of).unwrap();
    BillHistory::load(
        query,
        &CommandPorts { ask, encode: &FailingEncode("no columns"), settings: &settings, as_of },
    )
}

fn everything() -> DailyCostsQuery<'static> {
    DailyCostsQuery { metric: CostMetric::Billed, months: CostMonths::All, dimensions: &[], through: None }
}

#[test]
fn a_covered_day_without_a_charge_is_0_and_another_one_is_unknown() {
    let charges =
        [usage("2026-09-01", "S3", "1.5"), usage("2026-10-03", "S3", "2"), usage("2026-10-31", "EC2", "3")];
    let statements = [(PAYER, "2026-08", "2026-09-03", true), (PAYER, "2026-10", "2026-11-06", true)];
    let history = load(&warehouse(&charges[1..], &statements), "2026-11-20", &everything()).unwrap();
    assert_eq!((history.first, history.through), (day("2026-08-01"), day("2026-10-31")));
    let s3 = history.leaves.iter().find(|leaf| leaf.key.service.as_deref() == Some("S3")).unwrap();
    let series = history.series(s3);
    let on = |text: &str| series.on(day(text));
    assert_eq!((on("2026-08-01"), on("2026-08-31")), (Some(0.0), Some(0.0)));
    assert_eq!((on("2026-09-01"), on("2026-09-30")), (None, None));
    assert_eq!((on("2026-10-02"), on("2026-10-03"), on("2026-10-31")), (Some(0.0), Some(2.0), Some(0.0)));
    let covers = |payer: &str| {
        history.coverage.of_account(payer, None).is_some_and(|one| one.covers(day("2026-08-01")))
    };
    assert!(covers(PAYER) && !covers("other"));
}

#[test]
fn the_newest_two_days_of_an_unfinished_month_are_left_out() {
    let charges = steady("2026-11-01", "2026-11-19", "S3", "1");
    let ask = warehouse(&charges, &[(PAYER, "2026-11", "2026-11-20T10:00:00Z", true)]);
    let history = load(&ask, "2026-11-20", &everything()).unwrap();
    assert_eq!(history.complete_through, day("2026-11-17"));
    let through = DailyCostsQuery { through: Some(day("2026-11-05")), ..everything() };
    let earlier = load(&ask, "2026-11-20", &through).unwrap();
    assert_eq!((earlier.through, earlier.complete_through), (day("2026-11-05"), day("2026-11-17")));
    assert_eq!(earlier.series(&earlier.leaves[0]).values.len(), 5);
    let before = DailyCostsQuery { through: Some(day("2026-10-31")), ..everything() };
    let failure = load(&ask, "2026-11-20", &before).unwrap_err();
    assert_eq!(failure.message, "--through 2026-10-31 is before the first day of the bills");
    assert_eq!(failure.kind, FailureKind::NoMatch);
}

#[test]
fn the_days_that_are_left_out_are_learnt_from_replaced_statements() {
    let charges = steady("2026-11-01", "2026-11-19", "S3", "1");
    let statements =
        [(PAYER, "2026-11", "2026-11-10T10:00:00Z", false), (PAYER, "2026-11", "2026-11-20T10:00:00Z", true)];
    let arrivals = |shares: [&'static str; 4]| {
        move |_: &[(String, Value)]| {
            let row = |(at, share): (usize, &&str)| {
                let known: Decimal = share.parse().unwrap();
                let time: Timestamp = "2026-11-10T10:00:00Z".parse().unwrap();
                let date = Value::Date(day("2026-11-09").0 - at as i32);
                let one = Decimal::ONE;
                vec![
                    PAYER.into(),
                    "USD".into(),
                    time.into(),
                    date,
                    (at as i64).into(),
                    known.into(),
                    one.into(),
                ]
            };
            Page { fields: CostArrivalRow::fields(), rows: shares.iter().enumerate().map(row).collect() }
        }
    };
    let check = |shares: [&'static str; 4], expected: &str| {
        let ask = warehouse(&charges, &statements).answer("cost/arrival", arrivals(shares));
        let history = load(&ask, "2026-11-20", &everything()).unwrap();
        assert_eq!(history.complete_through, day(expected), "{shares:?}");
    };
    check(["0.3", "1", "1", "1"], "2026-11-18");
    check(["0.3", "0.8", "0.9", "1"], "2026-11-16");
    check(["1", "1", "1", "1"], "2026-11-19");
}

const LINKED: &str = "444455556666";

#[test]
fn the_report_of_a_linked_account_covers_no_day_of_another_account() {
    let of_linked = |charge: SampleCharge| SampleCharge { account: LINKED, ..charge };
    let mut charges = steady("2026-10-01", "2026-10-31", "S3", "1");
    charges.extend(steady("2026-10-01", "2026-11-19", "EC2", "1").into_iter().map(of_linked));
    let statements = [
        (PAYER, "2026-10", "2026-11-04", true),
        ("111122223333/444455556666", "2026-11", "2026-11-20T10:00:00Z", true),
    ];
    let history = load(&warehouse(&charges, &statements), "2026-11-20", &everything()).unwrap();
    assert_eq!(history.complete_through, day("2026-11-17"));
    let on = |service: &str, text: &str| {
        let leaf = history.leaves.iter().find(|leaf| leaf.key.service.as_deref() == Some(service)).unwrap();
        (history.series(leaf).on(day(text)), history.is_current(&leaf.key))
    };
    assert_eq!((on("S3", "2026-10-31"), on("S3", "2026-11-05").0), ((Some(1.0), true), None));
    assert_eq!((on("EC2", "2026-10-31"), on("EC2", "2026-11-05")), ((Some(1.0), true), (Some(1.0), true)));
    let ended = history.coverage.ended_beside_linked();
    assert_eq!(ended, [(PAYER, day("2026-10-31"), vec![LINKED])]);
    let alone = load(&warehouse(&charges[31..], &statements[1..]), "2026-11-20", &everything()).unwrap();
    let covers = |text: &str| history.coverage.covers_payer(PAYER, day(text));
    assert!(covers("2026-10-31") && covers("2026-11-05") && !covers("2026-11-20"));
    assert!(!history.coverage.covers_payer(LINKED, day("2026-10-31")));
    assert!(alone.coverage.of_account(PAYER, Some(LINKED)).is_some());
    assert!(alone.coverage.of_account(PAYER, Some("777788889999")).is_none());
    assert_eq!(alone.coverage.ended_beside_linked(), []);
}

#[test]
fn the_newest_usage_of_a_linked_account_extends_no_report_of_the_payer() {
    let of_linked = |charge: SampleCharge| SampleCharge { account: LINKED, ..charge };
    let mut charges = steady("2026-11-01", "2026-11-10", "S3", "1");
    charges.extend(steady("2026-11-01", "2026-11-19", "EC2", "1").into_iter().map(of_linked));
    // The payer's file was copied later, so its own time does not show how far it goes.
    let statements = [
        (PAYER, "2026-11", "2026-11-20T10:00:00Z", true),
        ("111122223333/444455556666", "2026-11", "2026-11-20T11:00:00Z", true),
    ];
    let history = load(&warehouse(&charges, &statements), "2026-11-20", &everything()).unwrap();
    let last = |account: &str| {
        history
            .coverage
            .of_account(PAYER, Some(account))
            .and_then(|one| one.spans.last())
            .map(|(_, end)| *end - 1)
    };
    assert_eq!((last(PAYER), last(LINKED)), (Some(day("2026-11-10")), Some(day("2026-11-19"))));
    assert_eq!(history.complete_through, day("2026-11-08"));
    assert_eq!(history.coverage.uncovered_day(day("2026-11-09"), day("2026-11-12")), Some(day("2026-11-11")));
}

#[test]
fn currencies_payers_and_services_are_leaves_of_their_own() {
    let other = SampleCharge { payer: "777788889999", ..usage("2026-10-02", "S3", "5") };
    let euro = SampleCharge { currency: "EUR", ..usage("2026-10-02", "S3", "7") };
    let unknown = SampleCharge { cost: None, ..usage("2026-10-04", "S3", "0") };
    let charges = [usage("2026-10-02", "S3", "1.000000000000000001"), unknown, euro, other];
    let statements =
        [(PAYER, "2026-10", "2026-11-06", true), ("777788889999", "2026-10", "2026-11-06", true)];
    let history = load(&warehouse(&charges, &statements), "2026-11-20", &everything()).unwrap();
    let (first, end) = (day("2026-10-01"), day("2026-11-01"));
    let sums: Vec<Option<String>> =
        history.leaves.iter().map(|leaf| leaf.sum(first, end).map(|sum| sum.to_string())).collect();
    assert_eq!(sums, [Some("7".into()), None, Some("5".into())]);
    let known = history.leaves[1].sum(first, day("2026-10-04")).map(|sum| sum.to_string());
    assert_eq!(known.as_deref(), Some("1.000000000000000001"));
}

#[test]
fn without_a_bill_the_failure_says_whether_there_is_one_later() {
    let check = |ask: &MemoryAsk, expected: &str| {
        let failure = load(ask, "2026-01-01", &everything()).unwrap_err();
        assert_eq!((failure.message.as_str(), failure.kind), (expected, FailureKind::Data));
    };
    check(&warehouse(&[], &[]), "not collected yet: charges");
    let later = warehouse(&[usage("2026-10-02", "S3", "1")], &[(PAYER, "2026-10", "2026-11-06", true)]);
    check(
        &later,
        "no bill was known by 2026-01-01T23:59:59.999999Z: the first one is of 2026-11-06T00:00:00Z",
    );
}

#[test]
fn reads_days_up_to_the_instant_of_the_answer() {
    let as_of: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
    let check = |text: Option<&str>, expected: Result<Option<Day>, &str>| {
        let found = read_through(text, as_of).map_err(|failure| failure.message);
        assert_eq!(found, expected.map_err(String::from));
    };
    check(None, Ok(None));
    check(Some("2024-02-29"), Ok(Some(Day::of_date(2024, 2, 29))));
    check(Some("2026-11-20"), Ok(Some(day("2026-11-20"))));
    check(Some("2026-11-21"), Err("--through 2026-11-21 is in the future"));
    for bad in ["2026-02-29", "yesterday", "2026-11", "2026-11-20T10:00:00Z", ""] {
        check(Some(bad), Err(&format!("--through \"{bad}\" is not a day")));
    }
    assert_eq!(read_month("2026-11"), Some(day("2026-11-01")));
    assert_eq!((read_month("2026-13"), read_month("2026-11-01")), (None, None));
    assert_eq!(
        (day_text(day("0987-01-02")), month_text(day("2026-11-03"))),
        ("0987-01-02".into(), "2026-11".into())
    );
}
