use proptest::prelude::*;

use crate::anomaly::{AnomalyKind, AnomalyRule, CostAnomaly, find_anomalies};
use crate::{DailyCosts, Day};

/// 2026-01-01, a Thursday.
const FIRST: Day = Day(20_454);

fn rule() -> AnomalyRule {
    AnomalyRule::with_alerts_per_year(1.0, false)
}

/// 100 on weekdays and 40 at weekends, with a deviation of at most 2 % that repeats every 11 days.
fn office(days: usize) -> Vec<f64> {
    (0..days)
        .map(|index| {
            let usual = if (FIRST + index as i32).weekday() >= 5 { 40.0 } else { 100.0 };
            usual * (1.0 + 0.02 * ((index * 7 % 11) as f64 / 5.0 - 1.0))
        })
        .collect()
}

fn known(costs: Vec<f64>) -> DailyCosts {
    DailyCosts { first: FIRST, values: costs.into_iter().map(Some).collect() }
}

fn found(costs: DailyCosts, rule: &AnomalyRule) -> Vec<CostAnomaly> {
    find_anomalies(&costs, rule).anomalies
}

#[test]
fn each_shape_has_its_kind_and_its_interval() {
    let check = |change: &dyn Fn(usize, f64) -> f64, expected: &[(AnomalyKind, i32, i32, Option<i32>)]| {
        let costs = office(200).into_iter().enumerate().map(|(index, cost)| change(index, cost)).collect();
        let found: Vec<_> = found(known(costs), &rule())
            .into_iter()
            .map(|anomaly| {
                let index = |day: Day| day - FIRST;
                (
                    anomaly.kind,
                    index(anomaly.started_on),
                    index(anomaly.detected_on),
                    anomaly.ended_on.map(index),
                )
            })
            .collect();
        assert_eq!(found, expected);
    };
    check(&|_, cost| cost, &[]);
    let spike = |index, cost| if index == 120 { 1.4 * cost } else { cost };
    check(&spike, &[(AnomalyKind::Spike, 120, 120, Some(120))]);
    let two_days = |index, cost| if index == 120 || index == 121 { 0.5 * cost } else { cost };
    check(&two_days, &[(AnomalyKind::Spike, 120, 120, Some(121))]);
    let step = |index, cost| if index >= 120 { 1.4 * cost } else { cost };
    check(&step, &[(AnomalyKind::Step, 120, 120, Some(123))]);
    let gone = |index, cost| if index >= 120 { 0.0 } else { cost };
    check(&gone, &[(AnomalyKind::Gone, 120, 120, Some(123))]);
    let new = |index, cost| if index >= 120 { cost } else { 0.0 };
    check(&new, &[(AnomalyKind::New, 120, 120, Some(123))]);
    let new_and_small = |index, cost| if index >= 120 { 0.01 * cost } else { 0.0 };
    check(&new_and_small, &[(AnomalyKind::New, 120, 120, Some(120))]);
    let from_the_begin = |index, cost| if index >= 5 { cost } else { 0.0 };
    check(&from_the_begin, &[]);
    let last_day = |index, cost| if index == 199 { 2.0 * cost } else { cost };
    check(&last_day, &[(AnomalyKind::Spike, 199, 199, None)]);
}

#[test]
fn a_slow_rise_is_a_drift() {
    let rise = |index: usize| 1.0 + 0.4 * ((index as f64 - 120.0) / 28.0).clamp(0.0, 1.0);
    let costs = office(200).into_iter().enumerate().map(|(index, cost)| cost * rise(index)).collect();
    // Without judgements of single days, which see the begin of such a rise in a quiet series.
    let rule = AnomalyRule { day_score: 100.0, ..rule() };
    let found = found(known(costs), &rule);
    assert_eq!(found.iter().map(|anomaly| anomaly.kind).collect::<Vec<_>>(), [AnomalyKind::Drift]);
    let day = found[0].detected_on - FIRST;
    assert!((125..150).contains(&day), "{day}");
    assert!(found[0].actual_cost > found[0].expected_cost);
}

#[test]
fn the_costs_of_an_anomaly_are_those_of_its_days() {
    let mut costs = office(200);
    costs[120] += 50.0;
    costs[121] += 70.0;
    let actual = costs[120] + costs[121];
    let found = found(known(costs), &rule());
    assert_eq!(found.len(), 1);
    assert!((found[0].actual_cost - actual).abs() < 1e-9);
    assert!((found[0].expected_cost - (actual - 120.0)).abs() < 6.0, "{found:?}");
}

#[test]
fn a_fee_without_a_category_counts_from_its_third_month_on() {
    let mut costs = office(200);
    for (index, cost) in costs.iter_mut().enumerate() {
        if (FIRST + index as i32).date().2 == 1 {
            *cost += 600.0;
        }
    }
    let fees = |learns_fees| {
        let rule = AnomalyRule::with_alerts_per_year(1.0, learns_fees);
        let days: Vec<u32> =
            found(known(costs.clone()), &rule).iter().map(|a| a.started_on.date().2).collect();
        assert!(days.iter().all(|day| *day == 1), "{days:?}");
        days.len()
    };
    // The first of seven fees falls into the weeks that are not judged.
    assert_eq!((fees(false), fees(true)), (6, 2));
}

#[test]
fn an_unknown_day_is_not_a_day_without_cost() {
    let mut costs = known(office(200));
    costs.values[120..125].fill(None);
    assert_eq!(found(costs.clone(), &rule()), []);
    costs.values[120..125].fill(Some(0.0));
    assert_eq!(found(costs, &rule()).first().map(|anomaly| anomaly.kind), Some(AnomalyKind::Gone));
}

#[test]
fn more_alerts_a_year_mean_a_lower_threshold() {
    let score = |alerts| AnomalyRule::with_alerts_per_year(alerts, false);
    let rates = [0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 12.0, 400.0];
    for pair in rates.windows(2) {
        assert!(score(pair[0]).day_score > score(pair[1]).day_score, "{pair:?}");
        assert!(score(pair[0]).drift_score > score(pair[1]).drift_score, "{pair:?}");
    }
    assert!(score(400.0).day_score >= 1.0);
}

fn any_costs() -> impl Strategy<Value = Vec<Option<f64>>> {
    let change = prop_oneof![
        6 => Just(1.0),
        1 => 0.0..3.0_f64,
        1 => Just(0.0),
        1 => -2.0..0.0_f64,
    ];
    let segment = (1..30_usize, change, prop::bool::weighted(0.9));
    (prop::collection::vec(segment, 1..14), 1.0..500.0_f64).prop_map(|(segments, level)| {
        let mut costs = Vec::new();
        for (days, factor, is_known) in segments {
            let begin = costs.len();
            let cost = |index: usize| level * factor * office(begin + days)[index] / 100.0;
            costs.extend((begin..begin + days).map(|index| is_known.then(|| cost(index))));
        }
        costs
    })
}

proptest! {
    #[test]
    fn no_later_day_changes_the_answer_of_a_day(
        values in any_costs(),
        part in 0.0..1.0_f64,
        learns in any::<bool>(),
    ) {
        let rule = AnomalyRule::with_alerts_per_year(2.0, learns);
        let costs = DailyCosts { first: FIRST, values };
        let whole = find_anomalies(&costs, &rule);
        let days = (part * costs.values.len() as f64) as usize;
        let end = FIRST + days as i32;
        let earlier = find_anomalies(&costs.before(end), &rule);
        prop_assert_eq!(&earlier.expectations[..], &whole.expectations[..days]);
        let seen = |anomalies: &[CostAnomaly]| -> Vec<(Day, Day)> {
            let until = anomalies.iter().filter(|anomaly| anomaly.detected_on < end);
            until.map(|anomaly| (anomaly.started_on, anomaly.detected_on)).collect()
        };
        prop_assert_eq!(seen(&earlier.anomalies), seen(&whole.anomalies));
        let closed = |anomalies: &[CostAnomaly]| -> Vec<CostAnomaly> {
            let is_closed = |a: &&CostAnomaly| a.ended_on.is_some_and(|day| day + 1 < end);
            anomalies.iter().filter(is_closed).cloned().collect()
        };
        prop_assert_eq!(closed(&earlier.anomalies), closed(&whole.anomalies));
    }

    #[test]
    fn an_anomaly_has_an_interval_within_the_series(values in any_costs()) {
        let costs = DailyCosts { first: FIRST, values };
        for anomaly in find_anomalies(&costs, &rule()).anomalies {
            prop_assert!(anomaly.score >= 0.5);
            prop_assert!(anomaly.started_on <= anomaly.detected_on && anomaly.detected_on < costs.end());
            prop_assert!(anomaly.ended_on.is_none_or(|day| day >= anomaly.started_on && day < costs.end()));
        }
    }
}
