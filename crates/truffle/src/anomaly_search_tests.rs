use std::path::Path;

use catalog::testing::FailingEncode;

use super::*;
use crate::CommandPorts;
use crate::cost_sample::{SampleCharge, day, settings, usage, warehouse};
use crate::daily_costs::{CostMetric, CostMonths, DailyCostsQuery};

const PAYER: &str = "111122223333";

/// A cost on each day of August to November: 100 on weekdays and 40 at weekends, with a deviation
/// of at most 2 %, changed by `change`, which gets the date and the usual cost.
fn office(service: &'static str, change: impl Fn(&str, f64) -> f64) -> Vec<SampleCharge> {
    let (first, end) = (day("2026-08-01"), day("2026-12-01"));
    (first.0..end.0)
        .map(|at| {
            let usual = if Day(at).weekday() >= 5 { 40.0 } else { 100.0 };
            let usual = usual * (1.0 + 0.02 * (f64::from(at * 7 % 11) / 5.0 - 1.0));
            let text = day_text(Day(at));
            usage(&text, service, &format!("{:.6}", change(&text, usual)))
        })
        .filter(|charge| charge.cost.as_deref() != Some("0.000000"))
        .collect()
}

fn history(charges: &[SampleCharge], through: Option<&str>) -> BillHistory {
    let statements =
        ["2026-08", "2026-09", "2026-10", "2026-11"].map(|month| (PAYER, month, "2026-12-05", true));
    let (ask, settings) = (warehouse(charges, &statements), settings(Path::new("/nowhere")));
    let as_of = domain::parse_until("2026-12-10").unwrap();
    let ports = CommandPorts { ask: &ask, encode: &FailingEncode("no columns"), settings: &settings, as_of };
    let through = through.map(day);
    let query =
        DailyCostsQuery { metric: CostMetric::Billed, months: CostMonths::All, dimensions: &[], through };
    BillHistory::load(&query, &ports).unwrap()
}

fn choice<'a>(by: Option<&'a CostDimension>) -> AnomalyChoice<'a> {
    AnomalyChoice { by, min_impact: Decimal::TEN, since: day("2026-08-01") }
}

fn find(charges: &[SampleCharge], by: Option<&CostDimension>, through: Option<&str>) -> Vec<FoundAnomaly> {
    let history = history(charges, through);
    AnomalySearch::new(&history, &[], by, 1.0).find(&choice(by), &KnownMarks::default())
}

fn brief(found: &[FoundAnomaly]) -> Vec<(&str, &str, &str, String)> {
    found
        .iter()
        .map(|one| {
            let value = one.value.as_deref().unwrap_or("-");
            (one.dimension.as_str(), value, one.kind.name(), day_text(one.started_on))
        })
        .collect()
}

#[test]
fn a_step_of_the_total_lists_the_leaf_behind_it_and_adds_up() {
    let rise = |date: &str, cost: f64| if date >= "2026-11-10" { cost + 90.0 } else { cost };
    let charges = [office("EC2", rise), office("S3", |_, cost| cost)].concat();
    let found = find(&charges, None, None);
    assert_eq!(brief(&found), [("total", "-", "step", "2026-11-10".to_string())]);
    let step = &found[0];
    assert_eq!((step.ended_on, step.detected_on), (Some(day("2026-11-13")), day("2026-11-10")));
    let first = step.drivers[0].leaf.as_ref().unwrap();
    assert_eq!(first.text(), "111122223333 / EC2 / us-east-1");
    let sum: ExactCost = step.drivers.iter().map(|driver| driver.contribution).sum();
    assert_eq!(sum.to_decimal(), Some(step.impact().normalize()));
    let impact = f64::try_from(step.impact()).unwrap();
    assert!((impact - 360.0).abs() < 15.0, "{impact}");
}

#[test]
fn a_rise_and_an_equal_fall_are_both_found_in_their_leaves() {
    let rise = |date: &str, cost: f64| if date == "2026-11-10" { cost + 50.0 } else { cost };
    let fall = |date: &str, cost: f64| if date == "2026-11-10" { cost - 50.0 } else { cost };
    let found = find(&[office("EC2", rise), office("S3", fall)].concat(), None, None);
    let mut names = brief(&found);
    names.sort();
    let date = "2026-11-10".to_string();
    assert_eq!(
        names,
        [
            ("leaf", "111122223333 / EC2 / us-east-1", "spike", date.clone()),
            ("leaf", "111122223333 / S3 / us-east-1", "spike", date),
        ]
    );
}

#[test]
fn the_first_use_of_a_service_is_shown_whatever_it_costs() {
    let new = |date: &str, cost: f64| if date >= "2026-11-10" { cost / 1000.0 } else { 0.0 };
    let found = find(&[office("EC2", |_, cost| cost), office("SQS", new)].concat(), None, None);
    assert_eq!(brief(&found), [("service_name", "SQS", "new", "2026-11-10".to_string())]);
    assert!(found[0].impact() < Decimal::ONE && found[0].expected.is_zero());
}

#[test]
fn no_later_day_changes_the_anomalies_of_a_day() {
    let changes = |date: &str, cost: f64| match date {
        "2026-10-07" => 2.0 * cost,
        date if date >= "2026-11-10" => cost + 90.0,
        _ => cost,
    };
    let charges = [office("EC2", changes), office("S3", |_, cost| cost)].concat();
    let seen = |found: &[FoundAnomaly], until: &str| -> Vec<(String, Day)> {
        let known = found.iter().filter(|one| one.detected_on <= day(until));
        known.map(|one| (one.id.clone(), one.detected_on)).collect()
    };
    let whole = find(&charges, None, None);
    assert_eq!(whole.len(), 2);
    for through in ["2026-10-06", "2026-10-07", "2026-10-20", "2026-11-10", "2026-11-12", "2026-11-30"] {
        let earlier = find(&charges, None, Some(through));
        assert_eq!(seen(&earlier, through), seen(&whole, through), "{through}");
        assert_eq!(seen(&earlier, through).len(), earlier.len(), "{through}");
    }
}

#[test]
fn currencies_are_searched_apart() {
    let rise = |date: &str, cost: f64| if date == "2026-11-10" { cost + 50.0 } else { cost };
    let euros = office("EC2", rise).into_iter().map(|charge| SampleCharge { currency: "EUR", ..charge });
    let charges: Vec<SampleCharge> = office("EC2", |_, cost| cost).into_iter().chain(euros).collect();
    let found = find(&charges, Some(&CostDimension::Service), None);
    assert_eq!(brief(&found), [("service_name", "EC2", "spike", "2026-11-10".to_string())]);
    assert_eq!(found[0].currency, "EUR");
}

#[test]
fn a_rise_of_the_unused_part_of_a_commitment_has_its_own_kind() {
    let history = history(&office("EC2", |_, cost| cost), None);
    let mut unused = history.leaves[0].clone();
    unused.key.resource = Some("arn:plan".into());
    for (at, (_, cost)) in unused.days.iter_mut().enumerate() {
        // A rise for a week, and a fall for another one.
        let factor = if (80..87).contains(&at) {
            3
        } else if (100..107).contains(&at) {
            0
        } else {
            1
        };
        *cost = cost.map(|cost| cost * Decimal::from(factor));
    }
    let unused = [unused];
    let search = AnomalySearch::new(&history, &unused, None, 1.0);
    let found = search.find(&choice(None), &KnownMarks::default());
    let kinds: Vec<_> =
        found.iter().map(|one| (one.dimension.as_str(), one.value.as_deref(), one.kind)).collect();
    assert!(kinds.contains(&("commitment", Some("arn:plan"), AnomalyKind::CommitmentUnused)), "{kinds:?}");
    assert!(found.iter().all(|one| one.impact() > Decimal::ZERO), "{found:?}");
}

#[test]
fn refuses_bills_with_too_few_days() {
    let failure = check_length(&history(&office("EC2", |_, cost| cost), Some("2026-08-28"))).unwrap_err();
    assert_eq!(failure.message, "anomalies need more than 28 days of costs; the bills have 28");
    assert!(check_length(&history(&office("EC2", |_, cost| cost), Some("2026-08-29"))).is_ok());
}
