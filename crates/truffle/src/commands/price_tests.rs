//! Runs `truffle price` against prices in memory.

use catalog::rows::{
    CollectionRunRow, DiscountRow, PriceChangeRow, PurchaseOptionRow, RegionOfferRow, RegionRow,
};
use catalog::testing::MemoryAsk;
use catalog::{Field, Page, QuestionRow, Value, ValueType};
use clap::Parser;
use console::{Exit, FailureKind, OutputFormat};
use domain::Decimal;

use super::price::{PriceOptionsArgs, run_price};
use crate::test_run::{TestRun, TestUser};

const NOW: &str = "2026-11-20T10:00:00Z";

#[derive(Parser)]
struct PriceCommandLine {
    #[command(flatten)]
    price: PriceOptionsArgs,
}

/// A row of `price/purchase-options`, written as
/// `region/zone/purchase/class/years/payment/price/upfront/currency/quarantined/band`.
fn option(text: &str) -> Vec<Value> {
    let cells: Vec<&str> = text.split('/').collect();
    let text = |at: usize| Some(cells[at]).filter(|cell| !cell.is_empty());
    let number = |at: usize| Value::from(text(at).map(|cell| cell.parse::<Decimal>().unwrap()));
    let whole = |at: usize| Value::from(text(at).map(|cell| cell.parse::<i64>().unwrap()));
    vec![
        text(0).into(),
        text(1).into(),
        text(2).into(),
        text(3).into(),
        whole(4),
        text(5).into(),
        number(6),
        number(7),
        text(8).into(),
        number(9),
        whole(10),
        Value::Timestamp("2026-11-01T00:00:00Z".parse().unwrap()),
        "list".into(),
    ]
}

/// A percentage as a discount for any product of the way to pay.
fn discount(id: &str, purchase: Option<&str>, percent: &str) -> Vec<Value> {
    let mut row = vec![Value::Null; DiscountRow::fields().len()];
    row[0] = id.into();
    row[6] = purchase.into();
    row[7] = percent.parse::<Decimal>().unwrap().into();
    row
}

const OPTIONS: &[&str] = &[
    "us-east-1/use1-az1/spot////0.04//USD//0",
    "us-east-1//reserved/standard/1/all-upfront/0.06/525.6/USD//",
    "us-east-1//compute-savings-plan//3/no-upfront/0.05//USD//",
    "us-east-1//on-demand////0.1//USD//",
    "us-east-1/use1-az2/spot////////4",
    "ap-south-1//on-demand////0.11//USD/9.9/",
    "eu-south-1//on-demand//////USD/0/",
    "cn-north-1//on-demand////0.9//CNY//",
    "cn-north-1/cnn1-az1/spot////0.3//CNY//",
];

fn bound(values: &[(String, Value)], name: &str) -> String {
    match values.iter().find(|(given, _)| given == name) {
        Some((_, Value::Text(text))) => text.clone(),
        Some((_, Value::List(items))) => {
            items.iter().map(|item| catalog::json_text(item).replace('"', "")).collect::<Vec<_>>().join(",")
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// Returns a warehouse with prices of m7i.large and offers of p5.48xlarge without prices.
fn warehouse(discounts: Vec<Vec<Value>>) -> MemoryAsk {
    let in_scope = |values: &[(String, Value)], region: &str| {
        let regions = bound(values, "regions");
        bound(values, "type") == "m7i.large"
            && (regions == "all" || regions.split(',').any(|one| one == region))
    };
    MemoryAsk::default()
        .answer("price/purchase-options", move |values| {
            let is_linux = bound(values, "os") == "linux";
            let rows = OPTIONS
                .iter()
                .filter(|text| is_linux && in_scope(values, text.split('/').next().unwrap_or_default()));
            Page { fields: PurchaseOptionRow::fields(), rows: rows.map(|text| option(text)).collect() }
        })
        .answer("price/changes", move |values| {
            let at = |day: &str| Value::Timestamp(domain::parse_instant(day).unwrap());
            let row = |old: Option<&str>, new: &str, from: &str, until: &str| {
                let price = |text: &str| text.parse::<Decimal>().unwrap();
                let mut row = vec![Value::Null; PriceChangeRow::fields().len()];
                (row[0], row[1], row[5]) = ("us-east-1".into(), "on-demand".into(), "USD".into());
                (row[6], row[7]) = (old.map(price).into(), price(new).into());
                (row[8], row[9], row[10]) = (at(from), at(until), "list".into());
                row
            };
            let rows = vec![
                row(None, "0.2", "2025-01-01", "2025-06-01"),
                row(Some("0.2"), "0.1", "2026-01-01", "2026-11-01"),
            ];
            let rows = if in_scope(values, "us-east-1") { rows } else { Vec::new() };
            Page { fields: PriceChangeRow::fields(), rows }
        })
        .answer("price/discounts", move |_| Page { fields: DiscountRow::fields(), rows: discounts.clone() })
        .answer("offering/regions", |values| {
            let is_p5 = bound(values, "type") == "p5.48xlarge";
            let row = |region: &str, is_offered: Option<bool>, has_prices: bool| {
                let zones = Value::List(Vec::new());
                vec![region.into(), is_offered.into(), zones, Value::Null, has_prices.into()]
            };
            let rows = vec![
                row("us-east-1", Some(true), true),
                row("ap-south-1", Some(!is_p5), true),
                row("eu-south-1", Some(!is_p5), true),
                row("eu-west-1", Some(false), true),
                row("us-west-2", Some(true), false),
                row("cn-north-1", None, !is_p5),
            ];
            Page { fields: RegionOfferRow::fields(), rows }
        })
        .answer("instance/names", |_| Page {
            fields: vec![Field::new("instance_type", ValueType::Text)],
            rows: vec![vec!["m7i.large".into()], vec!["p5.48xlarge".into()]],
        })
        .answer("region/list", |_| {
            let row = |name: &str| {
                let null = || Value::Null;
                vec![name.into(), "aws".into(), null(), null(), null(), null()]
            };
            Page { fields: RegionRow::fields(), rows: vec![row("us-east-1"), row("mx-central-1")] }
        })
        .answer("data/runs", |_| Page { fields: CollectionRunRow::fields(), rows: Vec::new() })
}

fn run(ask: &MemoryAsk, line: &str, format: OutputFormat) -> TestRun {
    let typed = PriceCommandLine::try_parse_from(["price"].into_iter().chain(line.split(' ')));
    let args = typed.unwrap_or_else(|error| panic!("{line}: {error}")).price;
    let user = TestUser::new(ask, NOW);
    user.run(format, |ports, printer| run_price(&args, ports, printer, user.as_of))
}

/// Returns the wanted columns of a CSV answer, one line per row.
fn columns(csv: &str, names: &[&str]) -> Vec<String> {
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let at = |name: &&str| head.iter().position(|field| field == name).unwrap_or_else(|| panic!("{name}"));
    let places: Vec<usize> = names.iter().map(at).collect();
    let line = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        places.iter().map(|place| cells[*place]).collect::<Vec<_>>().join(" ")
    };
    csv.lines().skip(1).map(line).collect()
}

fn check(line: &str, names: &[&str], expected: &[&str]) {
    let (done, out, err) = run(&warehouse(Vec::new()), line, OutputFormat::Csv);
    assert_eq!(done, Ok(Exit::Done), "{line}: {err}");
    assert_eq!(columns(&out, names), expected, "{line}");
}

#[test]
fn each_way_to_pay_has_a_row_compared_with_on_demand() {
    let names = ["purchase", "price_per_hour", "saving_percent", "break_even_hours", "break_even_month"];
    check(
        "M7I.LARGE",
        &names,
        &[
            "spot 0.04 60.0  ",
            "compute-savings-plan 0.05 50.0 13140 ",
            "reserved 0.06 40.0 5256 8",
            "on-demand 0.1 0.0  ",
            "spot    ",
        ],
    );
}

#[test]
fn spot_names_the_interruptions_at_which_it_stops_to_pay() {
    let names = ["az_id", "break_even_interruptions", "band", "price_per_hour"];
    let found = |line: &str| columns(&run(&warehouse(Vec::new()), line, OutputFormat::Csv).1, &names);
    assert_eq!(found("m7i.large")[0], "use1-az1 2.25 0 0.04");
    assert_eq!(found("m7i.large --checkpoint 2h --restart 30m")[0], "use1-az1 1.0 0 0.04");
    let (_, _, err) = run(&warehouse(Vec::new()), "m7i.large", OutputFormat::Csv);
    assert!(err.contains("interruptions of the band are rough"), "{err}");
}

#[test]
fn hours_sort_by_the_total_cost_and_pay_the_whole_term() {
    let names = ["purchase", "hours", "total_cost"];
    let expected = ["spot 100 4", "on-demand 100 10", "reserved 100 525.6", "compute-savings-plan 100 1314"];
    check("m7i.large --hours 100", &names, &[&expected[..], &["spot 100 "]].concat());
}

#[test]
fn currencies_and_quarantined_prices_are_not_compared() {
    let names =
        ["region", "purchase", "price_per_hour", "currency", "saving_percent", "quarantined_price_per_hour"];
    check(
        "m7i.large --region cn-north-1,ap-south-1,eu-south-1",
        &names,
        &[
            "ap-south-1 on-demand 0.11 USD 0.0 9.9",
            "cn-north-1 spot 0.3 CNY 66.66666666666667 ",
            "cn-north-1 on-demand 0.9 CNY 0.0 ",
            "eu-south-1 on-demand  USD  0",
        ],
    );
    let (_, out, err) = run(&warehouse(Vec::new()), "m7i.large --region ap-south-1", OutputFormat::Table);
    assert!(out.contains("$0.11 (a newer one is quarantined)"), "{out}");
    assert!(
        err.contains("quarantined: m7i.large in ap-south-1 at 9.90 USD; collector status --held"),
        "{err}"
    );
}

#[test]
fn a_discount_changes_the_price_and_keeps_the_list_price() {
    let names = [
        "purchase",
        "price_per_hour",
        "list_price_per_hour",
        "upfront_price",
        "discount_id",
        "saving_percent",
    ];
    let ask = warehouse(vec![discount("edp", None, "10"), discount("od", Some("on-demand"), "50")]);
    let found = |line: &str| {
        let (done, out, err) = run(&ask, line, OutputFormat::Csv);
        assert_eq!(done, Ok(Exit::Done), "{err}");
        (columns(&out, &names), err)
    };
    let (rows, err) = found("m7i.large");
    let expected = [
        "spot 0.036 0.04  edp 28.0",
        "compute-savings-plan 0.045 0.05  edp 10.0",
        "on-demand 0.05 0.1  od 0.0",
        "reserved 0.054 0.06 473.04 edp -8.0",
        "spot     ",
    ];
    assert_eq!(rows, expected);
    assert!(err.contains("own discounts apply: edp, od; --no-discount shows list prices"), "{err}");
    let (rows, err) = found("m7i.large --no-discount");
    assert_eq!(rows[0], "spot 0.04 0.04   60.0");
    assert!(!err.contains("own discounts"), "{err}");
}

#[test]
fn history_shows_each_price_with_its_change() {
    let names = ["old_price_per_hour", "new_price_per_hour", "change_percent", "last_observed_at"];
    check(
        "m7i.large --history",
        &names,
        &[" 0.2  2025-06-01T00:00:00Z", "0.2 0.1 -50.0 2026-11-01T00:00:00Z"],
    );
}

#[test]
fn unknown_not_offered_and_not_collected_are_different_answers() {
    let check = |line: &str, kind: FailureKind, message: &str| {
        for history in ["", " --history"] {
            let line = format!("{line}{history}");
            let (done, _, _) = run(&warehouse(Vec::new()), &line, OutputFormat::Csv);
            let failure = done.unwrap_err();
            assert_eq!((failure.kind, failure.message.as_str()), (kind, message), "{line}");
            assert!(failure.hint.is_some(), "{line}");
        }
    };
    let nearest = "unknown instance type \"m7i.lrage\"; the closest match is m7i.large";
    check("m7i.lrage", FailureKind::Usage, nearest);
    check("m7i", FailureKind::Usage, "unknown instance type \"m7i\"");
    check("m7i.large --region eu-west-1", FailureKind::NoMatch, "not offered in eu-west-1: m7i.large");
    check(
        "m7i.large --region us-west-2",
        FailureKind::Data,
        "not collected yet: prices of us-west-2 as of 2026-11-20T10:00:00Z",
    );
    check(
        "p5.48xlarge --region us-east-1",
        FailureKind::NoMatch,
        "no match: no price of p5.48xlarge for linux and shared tenancy in us-east-1",
    );
    check(
        "p5.48xlarge --region all",
        FailureKind::NoMatch,
        "no match: no price of p5.48xlarge for linux and shared tenancy",
    );
    check(
        "m7i.large --region us-esat-1",
        FailureKind::Usage,
        "unknown region \"us-esat-1\"; the closest match is us-east-1",
    );
    check(
        "m7i.large --region mx-central-1",
        FailureKind::Data,
        "not collected yet: prices of mx-central-1 as of 2026-11-20T10:00:00Z",
    );
}

#[test]
fn discounts_that_apply_equally_are_refused_with_both_ids() {
    let ask = warehouse(vec![discount("b", None, "10"), discount("a", None, "20")]);
    let failure = run(&ask, "m7i.large", OutputFormat::Csv).0.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Data);
    assert!(failure.message.contains("the discounts \"a\" and \"b\" apply equally"), "{failure:?}");
    assert_eq!(run(&ask, "m7i.large --no-discount", OutputFormat::Csv).0, Ok(Exit::Done));
    let failure = run(&ask, "m7i.large --account 12", OutputFormat::Csv).0.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Usage);
}

#[test]
fn hours_and_spans_without_meaning_are_refused() {
    for wrong in
        ["--hours 0", "--hours -1", "--hours x", "--hours 1000001", "--restart 0m", "--checkpoint 1.5h"]
    {
        let line = ["price", "m7i.large"].into_iter().chain(wrong.split(' '));
        assert!(PriceCommandLine::try_parse_from(line).is_err(), "{wrong}");
    }
    let both = ["price", "m7i.large", "--history", "--hours", "5"];
    assert!(PriceCommandLine::try_parse_from(both).is_err());
}
