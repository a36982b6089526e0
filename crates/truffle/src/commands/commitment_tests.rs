//! Runs `truffle commitment` and `truffle whatif` against bills in memory.

use catalog::rows::{DiscountRow, OwnedCommitmentRow, PlanHoursRow, PlanUsageRow, RegionRow, RepricedRow};
use catalog::testing::MemoryAsk;
use catalog::{Page, QuestionRow, TypeFacts, Value};
use clap::Parser;
use console::{Failure, FailureKind, OutputFormat};
use domain::{Decimal, Timestamp};

use super::{commitment, whatif};
use crate::cost_sample::{steady, warehouse};
use crate::test_run::{TestRun, TestUser};

const PAYER: &str = "111122223333";
const NOW: &str = "2026-11-20T10:00:00Z";

#[derive(Parser)]
enum PlanCommandLine {
    Commitment(commitment::CommitmentArgs),
    Whatif(whatif::WhatifArgs),
}

/// Runs a command line as of an instant. Returns the result, standard output and standard error.
fn run_at(ask: &MemoryAsk, line: &str, as_of: &str) -> TestRun {
    let now: Timestamp = NOW.parse().unwrap();
    let words = line.split(' ').filter(|word| !word.is_empty());
    let typed = PlanCommandLine::try_parse_from(["truffle"].into_iter().chain(words));
    let user = TestUser { as_of: domain::parse_until(as_of).unwrap(), ..TestUser::new(ask, NOW) };
    user.run(OutputFormat::Csv, |ports, printer| match typed {
        Err(error) => Err(Failure::usage(error.to_string())),
        Ok(PlanCommandLine::Commitment(args)) => commitment::run_commitment(&args, ports, printer, now),
        Ok(PlanCommandLine::Whatif(args)) => whatif::run_whatif(&args, ports, printer, now),
    })
}

fn run(ask: &MemoryAsk, line: &str) -> TestRun {
    run_at(ask, line, NOW)
}

fn decimal(text: &str) -> Value {
    text.parse::<Decimal>().unwrap().into()
}

fn instant(text: &str) -> Value {
    domain::parse_instant(text).unwrap().into()
}

/// Usage of `hours` hours from a time on, at a price under the plan of 0.7.
fn hours(starts_at: &str, hours: i64, cost: &str, quantity: &str) -> Vec<Value> {
    vec![
        PAYER.into(),
        "USD".into(),
        Value::Null,
        Value::Null,
        instant(starts_at),
        hours.into(),
        decimal(cost),
        decimal("0.7"),
        decimal(quantity),
    ]
}

fn usage(usage_type: &str, plan_price: Option<&str>, known_rates: i64) -> Vec<Value> {
    let price = plan_price.map_or(Value::Null, decimal);
    let texts: [Value; 5] =
        [PAYER.into(), "USD".into(), "us-east-1".into(), usage_type.into(), "RunInstances".into()];
    let mut row = texts.to_vec();
    row.extend([price, decimal("10"), decimal("10"), 1.into(), known_rates.into()]);
    row
}

fn page<R: QuestionRow>(rows: &[Vec<Value>]) -> Page {
    Page { fields: R::fields(), rows: rows.to_vec() }
}

/// Bills of October, with this usage under the plan.
fn bills(hours: Vec<Vec<Value>>, usage: Vec<Vec<Value>>) -> MemoryAsk {
    let charges = steady("2026-10-01", "2026-10-31", "EC2", "10");
    warehouse(&charges, &[(PAYER, "2026-10", "2026-11-06", true)])
        .answer("commitment/hours", move |_| page::<PlanHoursRow>(&hours))
        .answer("commitment/usage", move |_| page::<PlanUsageRow>(&usage))
        .answer("commitment/owned", |_| page::<OwnedCommitmentRow>(&[]))
}

/// One instance in each hour of October, and a second one on the last ten days.
fn steady_bills() -> MemoryAsk {
    let day = |day: i64| format!("2026-10-{day:02}");
    let quantity = |day: i64| if day > 21 { ("48", "48") } else { ("24", "24") };
    let rows = (1..=31).map(|at| hours(&day(at), 24, quantity(at).0, quantity(at).1)).collect();
    bills(rows, vec![usage("BoxUsage:m5.large", Some("0.7"), 2), usage("BoxUsage:z1d.large", None, 2)])
}

#[test]
fn the_best_commitment_is_printed_beside_others_with_every_limit_of_the_answer() {
    let (done, out, err) = run(&steady_bills(), "commitment --amount 1.4");
    done.unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 5, "{out}");
    // One instance of two covers 31 days of 24 hours at 0.7 instead of 1.
    assert!(lines[1].contains(",best,0.7,760.8,984,223.2,0,"), "{out}");
    assert!(lines[2].contains(",p5,0.7,") && lines[3].contains(",0.8-best,0.56,"), "{out}");
    assert!(lines[4].contains(",amount,1.4,1041.6,984,-57.6,352.8,100.0,66.12903226,"), "{out}");
    for note in [
        "window 2026-10-01 to 2026-10-31 (31 days); the bills cover no more than 31 days",
        "past choices: unknown, the bills are shorter than window and four weeks (59 days)",
        "left out without a rate of the plan: BoxUsage:z1d.large RunInstances us-east-1",
        "100 % of the cost is billed by the day or longer and was spread evenly over its hours: savings are \
         an upper bound",
    ] {
        assert!(err.contains(note), "{note}: {err}");
    }
}

#[test]
fn a_shorter_window_counts_its_days_alone() {
    let (done, out, err) = run(&steady_bills(), "commitment --window 3d");
    done.unwrap();
    assert!(out.lines().nth(1).unwrap().contains(",best,1.4,100.8,144,43.2,0,100.0,100.0,30.0,"));
    assert!(err.contains("past choices: 1 of one a week"), "{err}");
}

#[test]
fn bad_and_thin_inputs_of_commitment_end_with_a_sentence_and_their_kind() {
    let rates = |known: i64| bills(Vec::new(), vec![usage("BoxUsage:m5.large", None, known)]);
    let check = |ask: &MemoryAsk, line: &str, as_of: &str, kind: FailureKind, sentence: &str| {
        let failure = run_at(ask, line, as_of).0.expect_err(line);
        assert_eq!(failure.kind, kind, "{line}: {failure:?}");
        assert!(failure.message.contains(sentence), "{line}: {failure:?}");
    };
    let good = steady_bills();
    check(
        &good,
        "commitment --window 60d",
        NOW,
        FailureKind::Data,
        "--window 60d is longer than the bills, which cover 31 days without a gap",
    );
    check(
        &good,
        "commitment --window 0d",
        NOW,
        FailureKind::Usage,
        "is not a number of days from 1d to 400d",
    );
    check(&good, "commitment --amount 0", NOW, FailureKind::Usage, "is not an amount above 0");
    check(&good, "commitment --amount NaN", NOW, FailureKind::Usage, "is not an amount above 0");
    check(&good, "commitment --years 2", NOW, FailureKind::Usage, "invalid value '2'");
    check(&good, "commitment --plan sagemaker", NOW, FailureKind::Usage, "invalid value 'sagemaker'");
    check(&good, "commitment --owned --plan compute", NOW, FailureKind::Usage, "cannot be used with");
    check(&good, "commitment --owned", NOW, FailureKind::NoMatch, "the bills have no reservation");
    check(&good, "commitment --through 2026-09-01", NOW, FailureKind::NoMatch, "before the first day");
    check(&good, "commitment", "2026-11-01", FailureKind::Data, "no bill was known by");
    check(&rates(0), "commitment", NOW, FailureKind::Data, "not collected yet: rates of a 1-year no-upfront");
    check(&rates(7), "commitment --years 3", NOW, FailureKind::NoMatch, "fits the on-demand usage: BoxUsage");
    let none = bills(Vec::new(), Vec::new());
    check(&none, "commitment", NOW, FailureKind::NoMatch, "no on-demand usage that a Savings Plan covers");
    check(&warehouse(&[], &[]), "commitment", NOW, FailureKind::Data, "not collected yet: charges");
}

#[test]
fn owned_commitments_are_listed_with_their_ends() {
    let row = |id: &str, end: Value| -> Vec<Value> {
        let texts: [Value; 5] = [id.into(), "Savings Plan".into(), PAYER.into(), "USD".into(), Value::Null];
        let mut row = texts.to_vec();
        row.extend([Value::Null, end, instant("2026-10-31T23:00:00"), decimal("1.5")]);
        row
    };
    let rows = vec![row("sp-1", instant("2027-02-03T00:00:00")), row("sp-2", Value::Null)];
    let ask = steady_bills().answer("commitment/owned", move |_| page::<OwnedCommitmentRow>(&rows));
    let (done, out, err) = run(&ask, "commitment --owned --window 10d");
    done.unwrap();
    assert!(out.contains("sp-1,Savings Plan,") && out.contains(",2027-02-03"), "{out}");
    assert!(err.contains("unused cost from 2026-10-22 to 2026-10-31"), "{err}");
    let (done, _, err) = run(&ask, "commitment");
    done.unwrap();
    let note = "2 commitments of the bills: the next ends on 2027-02-03, 2 with unused cost in the window";
    assert!(err.contains(note), "{err}");
}

/// The lines of October: hours of two types, and a line that keeps its cost.
fn month(price: Option<&str>, currency: &str) -> MemoryAsk {
    let line = |own: Option<&str>, price: Option<&str>, cost: &str, reason: Option<&str>| -> Vec<Value> {
        let texts: [Value; 8] = [
            "Amazon EC2".into(),
            "Usage".into(),
            currency.into(),
            own.map(String::from).into(),
            own.map(String::from).into(),
            own.map(|_| "us-east-1".to_string()).into(),
            own.map(|_| "linux".to_string()).into(),
            reason.map(String::from).into(),
        ];
        let mut row = texts.to_vec();
        row.extend([
            price.map_or(Value::Null, decimal),
            price.map(|_| PAYER.to_string()).into(),
            price.map_or(Value::Null, |_| instant("2026-10-14")),
            decimal(cost),
            decimal("100"),
            2.into(),
        ]);
        row
    };
    let priced = price.is_none().then_some("no price");
    let rows = vec![
        line(Some("m5.large"), price, "9.6", priced),
        line(Some("z1d.large"), None, "18.6", Some("no price")),
        line(None, None, "1.25", Some("spot usage")),
    ];
    let charges = steady("2026-10-01", "2026-10-31", "EC2", "10");
    let type_fields = TypeFacts::fields();
    let fact = move |name: &str, arch: &str| -> Vec<Value> {
        let value = |field: &catalog::Field| match field.name.as_str() {
            "instance_type" => name.into(),
            "family" => name.split('.').next().unwrap_or_default().into(),
            "arch" => arch.into(),
            _ => match &field.ty {
                catalog::ValueType::Text => "".into(),
                catalog::ValueType::Int => 1.into(),
                catalog::ValueType::Float => 1.0.into(),
                catalog::ValueType::Bool => true.into(),
                catalog::ValueType::List(_) => Value::List(Vec::new()),
                _ => Value::Null,
            },
        };
        type_fields.iter().map(value).collect()
    };
    let facts = vec![fact("m5.large", "x86_64"), fact("m7g.large", "arm64"), fact("m6i.large", "x86_64")];
    let region = |code: &str| -> Vec<Value> {
        vec![code.into(), "aws".into(), Value::Null, Value::Null, Value::Null, Value::Null]
    };
    let regions = vec![region("us-east-1"), region("eu-west-1"), region("cn-north-1")];
    warehouse(&charges, &[(PAYER, "2026-10", "2026-11-06", true)])
        .answer("cost/repriced", move |_| page::<RepricedRow>(&rows))
        .answer("instance/facts", move |_| page::<TypeFacts>(&facts))
        .answer("region/list", move |_| page::<RegionRow>(&regions))
        .answer("price/discounts", |_| page::<DiscountRow>(&[]))
}

/// A percentage of an account and a way to pay, with its first and last day.
fn discount(
    id: &str,
    account: Option<&str>,
    purchase: Option<&str>,
    percent: &str,
    days: [&str; 2],
) -> Vec<Value> {
    let mut row = vec![Value::Null; DiscountRow::fields().len()];
    row[0] = id.into();
    row[1] = account.into();
    row[6] = purchase.into();
    row[7] = decimal(percent);
    row[10] = instant(days[0]);
    row[11] = instant(days[1]);
    row
}

#[test]
fn matched_hours_are_repriced_and_all_others_keep_their_cost_by_name() {
    let (done, out, err) = run(&month(Some("0.0816"), "USD"), "whatif --map m5=m7g");
    done.unwrap();
    let row = out.lines().nth(1).unwrap();
    assert_eq!(row, "Amazon EC2,Usage,USD,29.45,28.01,-1.44,6,19.85,no price; spot usage,28.01", "{out}");
    for note in [
        "2026-10: USD 28.01 instead of 29.45 (difference -1.44); 19.85 of it kept its cost",
        "no price of that time: z1d.large linux in us-east-1",
        "m7g is arm64 and m5 is x86_64: images and programs have to be built for arm64",
    ] {
        assert!(err.contains(note), "{note}: {err}");
    }
    let (_, _, err) = run(&month(Some("0.0816"), "USD"), "whatif --map m5=m6i --plan compute");
    assert!(!err.contains("built for") && err.contains("truffle commitment shows"), "{err}");
}

#[test]
fn repriced_hours_have_the_own_discount_of_their_account_and_day_and_other_lines_have_none() {
    let october = ["2026-10-14", "2026-10-14"];
    let check = |discounts: Vec<Vec<Value>>, more: &str, expected: &str, id: Option<&str>| {
        let ask =
            month(Some("0.0816"), "USD").answer("price/discounts", move |_| page::<DiscountRow>(&discounts));
        let (done, out, err) = run(&ask, &format!("whatif --map m5=m7g {more}"));
        done.unwrap();
        let found: Vec<&str> = out.lines().nth(1).unwrap().split(',').collect();
        assert_eq!([found[4], found[9]].join(" "), expected, "{out}");
        match id {
            Some(id) => assert!(err.contains(&format!("own discounts apply: {id}; ")), "{err}"),
            None => assert!(!err.contains("own discounts"), "{err}"),
        }
    };
    let half = |days| vec![discount("half", None, None, "50", days)];
    check(half(october), "", "23.93 28.01", Some("half"));
    check(half(october), "--no-discount", "28.01 28.01", None);
    check(half(["2026-10-15", "2027-01-01"]), "", "28.01 28.01", None);
    check(half(["2026-01-01", "2026-10-13"]), "", "28.01 28.01", None);
    let of_account = |account| vec![discount("mine", Some(account), None, "50", october)];
    check(of_account(PAYER), "", "23.93 28.01", Some("mine"));
    check(of_account("444455556666"), "", "28.01 28.01", None);
    let of_plan = || vec![discount("plan", None, Some("compute-savings-plan"), "50", october)];
    check(of_plan(), "", "28.01 28.01", None);
    check(of_plan(), "--plan instance", "28.01 28.01", None);
    check(of_plan(), "--plan compute", "23.93 28.01", Some("plan"));
    let of_spot = vec![discount("spot", None, Some("spot"), "50", october)];
    check(of_spot, "--spot", "23.93 28.01", Some("spot"));
}

#[test]
fn bad_and_thin_inputs_of_whatif_end_with_a_sentence_and_their_kind() {
    let check = |ask: &MemoryAsk, line: &str, kind: FailureKind, sentence: &str| {
        let failure = run(ask, line).0.expect_err(line);
        assert_eq!(failure.kind, kind, "{line}: {failure:?}");
        assert!(failure.message.contains(sentence), "{line}: {failure:?}");
    };
    let good = month(Some("0.0816"), "USD");
    check(&good, "whatif --month 2026-13", FailureKind::Usage, "--month \"2026-13\" is not a month");
    check(&good, "whatif --month 2026-12", FailureKind::Usage, "--month 2026-12 is in the future");
    check(&good, "whatif --month 2026-09", FailureKind::Data, "not collected yet: charges of 2026-09");
    check(&good, "whatif --map m5", FailureKind::Usage, "--map \"m5\" is not a pair");
    check(&good, "whatif --map m5.large=m7g", FailureKind::Usage, "is not a pair of families or of types");
    check(&good, "whatif --map m5=m99", FailureKind::Usage, "--map: unknown family \"m99\"");
    check(&good, "whatif --map m5.lrge=m7g.large", FailureKind::Usage, "unknown instance type \"m5.lrge\"");
    check(&good, "whatif --map m5=m7g,m5=m6i", FailureKind::Usage, "--map replaces m5 twice");
    check(&good, "whatif --region eu-west-9", FailureKind::Usage, "unknown region \"eu-west-9\"");
    check(&good, "whatif --spot --plan compute", FailureKind::Usage, "cannot be used with");
    check(&good, "whatif --years 3", FailureKind::Usage, "--plan");
    check(&good, "whatif --prices-as-of soon", FailureKind::Usage, "is neither a day nor an instant");
    check(
        &good,
        "whatif --prices-as-of 2026-12-01",
        FailureKind::Usage,
        "is after the instant of the answer",
    );
    let none = month(None, "USD");
    check(
        &none,
        "whatif",
        FailureKind::NoMatch,
        "no price of that time fits the hours of instances in 2026-10",
    );
    check(
        &none,
        "whatif --region cn-north-1",
        FailureKind::NoMatch,
        "prices of cn-north-1 are in CNY, and the bill of 2026-10 is in USD",
    );
    let no_hours = month(None, "USD").answer("cost/repriced", |_| page::<RepricedRow>(&[]));
    check(&no_hours, "whatif", FailureKind::NoMatch, "no on-demand hours of instances in 2026-10");
    let days = ["2026-01-01", "2026-12-31"];
    let tied = month(Some("0.0816"), "USD").answer("price/discounts", move |_| {
        page::<DiscountRow>(&["a", "b"].map(|id| discount(id, None, None, "5", days)))
    });
    check(&tied, "whatif", FailureKind::Data, "the discounts \"a\" and \"b\" apply equally to m5 us-east-1");
    run(&tied, "whatif --no-discount").0.unwrap();
}
