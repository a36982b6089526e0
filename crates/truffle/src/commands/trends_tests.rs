use catalog::QuestionRow;
use catalog::testing::{FailingEncode, MemoryAsk};

use super::*;
use crate::cost_sample::{day, settings, steady, warehouse};

const PAYER: &str = "111122223333";

/// Service, category, cost, list cost and quantity of a leaf in October and in November.
type SampleLeaf = (&'static str, &'static str, Option<[&'static str; 3]>, Option<[&'static str; 3]>);

fn bills(leaves: Vec<SampleLeaf>) -> MemoryAsk {
    let charges = steady("2026-10-01", "2026-11-30", "S3", "1");
    let statements = [(PAYER, "2026-10", "2026-11-06", true), (PAYER, "2026-11", "2026-12-06", true)];
    warehouse(&charges, &statements).answer("cost/priced-usage", move |values| {
        let since = values.iter().find(|(name, _)| name == "since").map(|(_, since)| since.clone());
        let is_october =
            matches!(since, Some(Value::Timestamp(time)) if time.to_string().starts_with("2026-10"));
        let row = |(service, category, october, november): &SampleLeaf| {
            let [cost, list_cost, quantity] = (if is_october { *october } else { *november })?;
            let amount = |text: &str| Value::from(text.parse::<Decimal>().ok());
            Some(vec![
                "USD".into(),
                (*category).into(),
                PAYER.into(),
                (*service).into(),
                Value::Null,
                Value::Null,
                "Hrs".into(),
                amount(cost),
                amount(list_cost),
                amount(quantity),
                1.into(),
            ])
        };
        Page { fields: PricedUsageRow::fields(), rows: leaves.iter().filter_map(row).collect() }
    })
}

fn changes(leaves: Vec<SampleLeaf>) -> BTreeMap<TrendKey, LeafChange> {
    let ask = bills(leaves);
    let settings = settings(std::path::Path::new("/nowhere"));
    let as_of = domain::parse_until("2026-12-10").unwrap();
    let ports = CommandPorts { ask: &ask, encode: &FailingEncode("no columns"), settings: &settings, as_of };
    let spans = TrendSpans::of(BudgetPeriod::Month, day("2026-11-30"), None).unwrap();
    let of_span = |span| usage(span, CostMetric::Billed, &ports).unwrap();
    explain(&of_span(spans.before), &of_span(spans.after))
}

#[test]
fn a_finished_period_is_compared_as_a_whole_and_another_one_by_as_many_days() {
    let check = |period: BudgetPeriod, through: &str, compare: Option<&str>, before: &str, after: &str| {
        let spans = TrendSpans::of(period, day(through), compare.map(day)).unwrap();
        assert_eq!((span_text(spans.before).as_str(), span_text(spans.after).as_str()), (before, after));
    };
    check(BudgetPeriod::Month, "2026-11-30", None, "2026-10", "2026-11");
    check(BudgetPeriod::Month, "2026-11-30", Some("2026-02-03"), "2026-02", "2026-11");
    check(BudgetPeriod::Month, "2026-11-03", None, "2026-10-01 to 2026-10-03", "2026-11-01 to 2026-11-03");
    check(BudgetPeriod::Month, "2028-03-30", None, "2028-02", "2028-03-01 to 2028-03-30");
    check(BudgetPeriod::Week, "2026-11-29", None, "2026-11-16 to 2026-11-22", "2026-11-23 to 2026-11-29");
    check(BudgetPeriod::Week, "2026-11-23", None, "2026-11-16", "2026-11-23");
    check(BudgetPeriod::Day, "2026-11-23", Some("2026-11-16"), "2026-11-16", "2026-11-23");
    let later = TrendSpans::of(BudgetPeriod::Month, day("2026-11-30"), Some(day("2026-11-02")));
    assert!(later.is_err_and(|failure| failure.message.contains("is not an earlier one")));
}

#[test]
fn the_parts_of_usage_and_of_all_other_charges_add_up_to_the_change() {
    let changes = changes(vec![
        ("EC2", "Usage", Some(["20", "20", "10"]), Some(["60", "80", "20"])),
        ("S3", "Usage", Some(["5", "5", ""]), Some(["5.000000000000000001", "5", ""])),
        ("SQS", "Usage", None, Some(["1.5", "1.5", "3"])),
        ("RDS", "Usage", Some(["4", "4", "2"]), None),
        ("EC2", "Purchase", Some(["100", "100", "1"]), Some(["90", "100", "1"])),
        ("EC2", "Tax", None, Some(["3", "", ""])),
    ]);
    let whole = wholes(&changes)["USD"];
    let (usage, other) = (whole.usage.unwrap(), whole.other.unwrap());
    let text = |amount: ExactCost| amount.to_decimal().unwrap().to_string();
    assert_eq!(text(usage.total()), "37.500000000000000001");
    // 10 units at 2 become 20 at 3, of which the list price asks 4.
    assert_eq!(
        (text(usage.list_price), text(usage.discount), text(usage.quantity)),
        ("30".into(), "-15".into(), "25".into())
    );
    assert_eq!((text(usage.new), text(usage.gone)), ("1.5".into(), "-4".into()));
    assert_eq!(text(usage.unsplit), "0.000000000000000001");
    assert_eq!((text(other.total()), text(other.unsplit)), ("-7".into(), "-7".into()));
}

#[test]
fn the_rows_add_up_to_the_whole_whatever_their_number() {
    let leaves = || {
        vec![
            ("EC2", "Usage", Some(["20", "20", "10"]), Some(["60", "80", "20"])),
            ("RDS", "Usage", Some(["4", "4", "2"]), None),
            ("SQS", "Usage", None, Some(["1.5", "1.5", "3"])),
            ("EC2", "Purchase", Some(["100", "100", "1"]), Some(["90", "100", "1"])),
        ]
    };
    for (top, expected) in [(0, 4), (1, 2), (2, 3), (3, 4), (9, 4)] {
        let rows = top_rows(changes(leaves()), top);
        assert_eq!(rows.len(), expected, "--top {top}");
        let sum = sum(rows.iter().map(|row| row.change)).unwrap();
        assert_eq!(sum.total().to_decimal(), "27.5".parse().ok());
        assert_eq!(rows[0].change.unwrap().total().to_decimal(), "40".parse().ok());
        assert!(report(&rows, 1).is_ok_and(|report| report.page.rows.len() == expected));
    }
}

#[test]
fn an_unknown_cost_makes_the_change_unknown_and_not_0() {
    let changes = changes(vec![
        ("EC2", "Usage", Some(["", "", "1"]), Some(["60", "80", "20"])),
        ("S3", "Usage", Some(["1", "1", "1"]), Some(["2", "2", "1"])),
    ]);
    let whole = wholes(&changes)["USD"];
    assert_eq!(whole.usage, None);
    let rows = top_rows(changes, 0);
    assert_eq!(rows[0].amounts().unwrap(), [None; 10]);
    assert_eq!(rows[1].amounts().unwrap()[2], Some(Decimal::ONE));
    let spans = TrendSpans::of(BudgetPeriod::Month, day("2026-11-30"), None).unwrap();
    assert_eq!(
        whole_note("USD", &whole, &spans),
        "2026-11 against 2026-10: USD unknown, because charges do not state their cost"
    );
}
