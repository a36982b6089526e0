//! Runs `truffle capacity` against facts in memory.

use catalog::rows::{
    CapacityBlockRow, CollectionRunRow, FreeReservationRow, QuotaRow, RegionAccessRow, RegionOfferRow,
    RegionRow, SpotScoreRow, VcpuUsageRow,
};
use catalog::testing::MemoryAsk;
use catalog::{Field, Page, QuestionRow, Value, ValueType};
use clap::Parser;
use console::{Exit, Failure, FailureKind, OutputFormat, Printer};

use super::capacity::{CapacityArgs, run_capacity};
use crate::CommandPorts;
use crate::test_run::TestUser;

const NOW: &str = "2026-11-20T10:00:00Z";
const ACCOUNT: &str = "111122223333";

#[derive(Parser)]
struct CapacityCommandLine {
    #[command(flatten)]
    capacity: CapacityArgs,
}

fn at(day: &str) -> Value {
    Value::Timestamp(domain::parse_instant(day).unwrap())
}

fn page<R: QuestionRow>(rows: Vec<Vec<Value>>) -> Page {
    Page { fields: R::fields(), rows }
}

/// Returns a warehouse with one account. m7i.large has two vCPUs; us-east-1 has a quota of 32, of
/// which 12 are in use.
fn warehouse() -> MemoryAsk {
    let offer = |region: &str, is_offered: Option<bool>| {
        let since = is_offered.filter(|offered| *offered).map_or(Value::Null, |_| at("2026-09-01"));
        vec![region.into(), is_offered.into(), Value::List(Vec::new()), since, true.into()]
    };
    let offers = vec![
        offer("ap-south-1", Some(true)),
        offer("eu-north-1", Some(false)),
        offer("eu-west-1", Some(true)),
        offer("sa-east-1", None),
        offer("us-east-1", Some(true)),
    ];
    let quota = |region: &str, code: &str, limit: f64| {
        vec![ACCOUNT.into(), region.into(), code.into(), limit.into(), 2.into(), at("2026-11-01")]
    };
    let quotas = vec![
        quota("us-east-1", "L-DB2E81BA", 0.0),
        quota("us-east-1", "L-1216C47A", 32.0),
        quota("eu-west-1", "L-1216C47A", 8.0),
    ];
    let access = |region: &str, status: &str| {
        let null = || Value::Null;
        vec![ACCOUNT.into(), region.into(), null(), status.into(), null(), null(), null()]
    };
    let access = vec![access("us-east-1", "opt-in-not-required"), access("ap-south-1", "not-opted-in")];
    let usage = |name: Option<&str>, instances: i64, vcpus: i64| {
        vec![ACCOUNT.into(), "us-east-1".into(), name.into(), instances.into(), vcpus.into()]
    };
    let usage = vec![usage(None, 0, 0), usage(Some("c7i.xlarge"), 3, 12), usage(Some("g6.xlarge"), 9, 36)];
    let score = |score: i64, types: &[&str], count: i64| {
        let types = Value::List(types.iter().map(|name| (*name).into()).collect());
        let region = Value::from("us-east-1");
        vec![
            score.into(),
            region,
            Value::Null,
            types,
            count.into(),
            false.into(),
            ACCOUNT.into(),
            at("2026-11-15"),
        ]
    };
    let scores = vec![
        score(9, &["m7i.large"], 4),
        score(2, &["m7i.large"], 5),
        score(6, &["m7i.large", "c7i.xlarge"], 6),
    ];
    let block = vec![
        "m7i.large".into(),
        "eu-west-1".into(),
        Value::Null,
        4.into(),
        24.into(),
        at("2026-12-01"),
        at("2026-12-02"),
        "30".parse::<domain::Decimal>().unwrap().into(),
        Value::Null,
        "USD".into(),
        "cb-1".into(),
        ACCOUNT.into(),
        at("2026-11-10"),
    ];
    let free = vec![ACCOUNT.into(), "us-east-1".into(), 2.into(), at("2026-11-05")];
    MemoryAsk::default()
        .answer("offering/regions", move |_| page::<RegionOfferRow>(offers.clone()))
        .answer("capacity/quotas", move |_| page::<QuotaRow>(quotas.clone()))
        .answer("capacity/reservations", move |_| page::<FreeReservationRow>(vec![free.clone()]))
        .answer("region/access", move |_| page::<RegionAccessRow>(access.clone()))
        .answer("capacity/usage", move |_| page::<VcpuUsageRow>(usage.clone()))
        .answer("spot/scores", move |_| page::<SpotScoreRow>(scores.clone()))
        .answer("capacity/blocks", move |_| page::<CapacityBlockRow>(vec![block.clone()]))
        .answer("region/list", |_| page::<RegionRow>(Vec::new()))
        .answer("data/runs", |_| page::<CollectionRunRow>(Vec::new()))
        .answer("instance/names", |_| Page {
            fields: vec![Field::new("instance_type", ValueType::Text)],
            rows: vec![vec!["m7i.large".into()]],
        })
}

fn run(line: &str) -> (Result<Exit, Failure>, String) {
    let typed = CapacityCommandLine::try_parse_from(["capacity"].into_iter().chain(line.split(' ')));
    let args = typed.unwrap_or_else(|error| panic!("{line}: {error}")).capacity;
    let ask = warehouse();
    let user = TestUser::new(&ask, NOW);
    let command =
        |ports: &CommandPorts<'_>, printer: &mut Printer| run_capacity(&args, ports, printer, user.as_of);
    let (done, out, _) = user.run(OutputFormat::Csv, command);
    (done, out)
}

/// Checks verdict, rule and explanation of m7i.large in a region.
fn check(count: i64, region: &str, expected: &str) {
    let (done, out) = run(&format!("m7i.large --region {region} --count {count}"));
    assert_eq!(done, Ok(Exit::Done));
    let line = out.lines().nth(1).unwrap();
    let text: String = line.split(',').skip(4).collect::<Vec<_>>().join(",");
    assert!(text.starts_with(expected), "{region} x {count}: {line}");
}

#[test]
fn the_rule_is_named_with_its_figures() {
    check(1, "eu-north-1", "no,not-offered,not offered,");
    check(1, "ap-south-1", "no,not-opted-in,the account has not opted in to the region,");
    check(2, "us-east-1", "reserved,own-reservations,2 free in own reservations,20,2,");
    check(3, "us-east-1", "possible,within-quota,\"quota L-1216C47A: 32 vCPUs, 12 in use, 6 needed\",20,2,");
    check(11, "us-east-1", "no,quota,\"quota L-1216C47A: 32 vCPUs, 12 in use, 22 needed\",20,2,");
    check(4, "us-east-1", "likely,placement-score,spot score 9 for m7i.large x 4,20,2,9,2026-09-01");
    check(5, "us-east-1", "possible,within-quota,");
    check(6, "us-east-1", "possible,within-quota,");
    check(5, "eu-west-1", "no,quota,\"quota L-1216C47A: 8 vCPUs, use unknown, 10 needed\",,,");
    check(4, "eu-west-1", "possible,capacity-block,block of 4 for 24 h from 2026-12-01 at USD 30.00,");
    check(1, "sa-east-1", "unknown,not-known,offerings not collected,");
}

#[test]
fn a_score_of_all_typed_types_together_counts() {
    let (_, out) = run("m7i.large c7i.xlarge --region us-east-1 --count 6");
    let rules: Vec<&str> = out.lines().skip(1).filter_map(|line| line.split(',').nth(5)).collect();
    assert_eq!(rules, ["placement-score", "placement-score"], "{out}");
}

#[test]
fn the_best_verdict_comes_first_and_each_region_has_a_row() {
    let (done, out) = run("m7i.large --count 4");
    assert_eq!(done, Ok(Exit::Done));
    let found: Vec<String> =
        out.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>()[1..5].join(" ")).collect();
    let expected = [
        format!("us-east-1 {ACCOUNT} 4 likely"),
        format!("eu-west-1 {ACCOUNT} 4 possible"),
        "sa-east-1  4 unknown".into(),
        format!("ap-south-1 {ACCOUNT} 4 no"),
        "eu-north-1  4 no".into(),
    ];
    assert_eq!(found, expected);
    let (_, other) = run("m7i.large --count 4 --region us-east-1 --account 444455556666");
    assert!(other.contains("us-east-1,444455556666,4,unknown,not-known"), "{other}");
}

#[test]
fn an_unknown_region_is_refused() {
    let failure = run("m7i.large --region us-west-9").0.unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Usage, "unknown region \"us-west-9\"")
    );
}
