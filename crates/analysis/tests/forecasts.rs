//! Forecasts through the public functions: knowledge at a time, sums, and thin inputs.

use analysis::{
    ChargeKind, CostForecast, CostLeaf, DailyCosts, Day, ForecastSettings, GroupForecast, LeafGroup,
    LeafPart, MonthForecast, PlannedCost,
};
use domain::Decimal;
use proptest::prelude::*;

const FIRST: Day = Day(19_358); // 2023-01-01

fn number(amount: Decimal) -> f64 {
    amount.try_into().unwrap()
}

fn settings(through: Day) -> ForecastSettings {
    ForecastSettings { through, months: 1, levels: vec![0.80, 0.95] }
}

fn leaf(kind: ChargeKind, values: Vec<f64>) -> CostLeaf {
    let costs = DailyCosts { first: FIRST, values: values.into_iter().map(Some).collect() };
    CostLeaf { kind, costs, plans: Vec::new() }
}

fn whole(leaf: usize) -> LeafGroup {
    LeafGroup { parts: vec![LeafPart { leaf, costs: None }] }
}

fn forecast_one(leaf: &CostLeaf, through: Day) -> GroupForecast {
    CostForecast::new(std::slice::from_ref(leaf), &settings(through)).groups(&[whole(0)]).remove(0)
}

fn total(forecast: &GroupForecast) -> f64 {
    let month = &forecast.months[0];
    month.actual + number(month.scheduled + month.remainder)
}

/// Noise from -1 to 1 that depends on the seed and the day alone.
fn noise(seed: u64, day: usize) -> f64 {
    let mut mixed = (seed << 20 ^ day as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A series with a week, a growth, a step and noise.
fn lively(seed: u64, days: usize) -> Vec<f64> {
    let level = 50.0 + 40.0 * noise(seed, 9_999);
    let day = |day: usize| {
        let weekend = if (FIRST + day as i32).weekday() >= 5 { 0.6 } else { 1.0 };
        let step = if day > 200 { 1.3 } else { 1.0 };
        level * weekend * step * (1.0 + 0.0008 * day as f64) * (1.0 + 0.05 * noise(seed, day))
    };
    (0..days).map(day).collect()
}

#[test]
fn a_month_is_its_actual_costs_and_a_remainder_near_the_truth() {
    let values = lively(1, 456);
    let month = Day::of_date(2024, 3, 1);
    let truth: f64 = (0..31).map(|i| values[(month + i - FIRST) as usize]).sum();
    let forecast = forecast_one(&leaf(ChargeKind::Usage, values), month + 9);
    assert!((total(&forecast) / truth - 1.0).abs() < 0.02, "{} instead of {truth}", total(&forecast));
    let found = &forecast.months[0];
    assert_eq!((found.first, forecast.days.len()), (month, 31));
    let daily: Decimal = forecast.days.iter().map(|day| day.remainder).sum();
    assert_eq!(daily, found.remainder, "the days add up to the month");
    assert!(forecast.days[..10].iter().all(|day| day.remainder.is_zero()), "known days need no forecast");
    let [narrow, wide] = &found.intervals[..] else { panic!("two intervals") };
    assert!(wide.lower < narrow.lower && narrow.upper < wide.upper, "{found:?}");
    assert!(number(wide.lower) < truth && truth < number(wide.upper), "{found:?}");
    let error = found.error.unwrap();
    assert!(error.percent < 2.0 && error.percent <= error.percent_p90, "{error:?}");
    assert!(error.percent < error.plain_percent, "{error:?}");
    assert_eq!(error.origins, 13, "the months after the first one");
}

/// The past error is the one that the forecast of that day really made. So neither the model nor
/// the choice of the model has seen the month that it is scored on.
#[test]
fn the_stated_error_is_that_of_the_forecasts_made_then() {
    for (kind, seed) in [(ChargeKind::Usage, 2), (ChargeKind::Uncategorised, 3)] {
        let whole_leaf = leaf(kind, lively(seed, 455));
        let (through, mut errors) = (Day::of_date(2024, 3, 12), Vec::new());
        let mut month = FIRST.next_month();
        while month < through.month_start() {
            let origin = month.next_month() - 1 - 19;
            let known = CostLeaf { costs: whole_leaf.costs.before(origin + 1), ..whole_leaf.clone() };
            let truth: f64 =
                (0..month.next_month() - month).filter_map(|i| whole_leaf.costs.on(month + i)).sum();
            errors.push((total(&forecast_one(&known, origin)) - truth).abs() / truth * 100.0);
            month = month.next_month();
        }
        errors.sort_by(f64::total_cmp);
        let median = errors[errors.len() / 2];
        let stated = forecast_one(&whole_leaf, through).months[0].error.unwrap();
        assert_eq!(stated.origins, errors.len());
        assert!((stated.percent - median).abs() < 1e-4, "{} instead of {median}", stated.percent);
    }
}

#[test]
fn a_fee_is_counted_once() {
    let usage = |day: usize| 10.0 + 0.1 * noise(4, day);
    let is_first = |day: usize| (FIRST + day as i32) == (FIRST + day as i32).month_start();
    let with_fee: Vec<f64> = (0..400).map(|d| usage(d) + if is_first(d) { 120.0 } else { 0.0 }).collect();
    let through = Day::of_date(2024, 1, 10);
    let settings = ForecastSettings { through, months: 2, levels: Vec::new() };
    let fee_only: Vec<f64> = (0..400).map(|d| if is_first(d) { 120.0 } else { 0.0 }).collect();
    let cases = [
        vec![leaf(ChargeKind::Uncategorised, with_fee)],
        vec![leaf(ChargeKind::Usage, (0..400).map(usage).collect()), leaf(ChargeKind::Recurring, fee_only)],
    ];
    for leaves in cases {
        let parts = (0..leaves.len()).map(|leaf| LeafPart { leaf, costs: None }).collect();
        let group = CostForecast::new(&leaves, &settings).groups(&[LeafGroup { parts }]).remove(0);
        assert!((total(&group) - 430.0).abs() < 3.0, "January: {}", total(&group));
        assert!(group.months[0].scheduled.is_zero(), "the fee of January is paid");
        let next = &group.months[1];
        assert!((number(next.scheduled) - 120.0).abs() < 1.0, "February: {next:?}");
        assert!((number(next.remainder) - 290.0).abs() < 3.0, "February: {next:?}");
        assert!((number(group.days[31].scheduled) - 120.0).abs() < 1.0, "it falls due on 1 February");
    }
}

#[test]
fn an_excess_on_the_first_day_is_a_fee_from_its_third_month_on() {
    let values = |months: u32| -> Vec<f64> {
        let first_fee = Day::of_date(2023, 8 - months, 1);
        let is_fee = |day: Day| day == day.month_start() && day >= first_fee;
        (0..200)
            .map(|d| 10.0 + 0.1 * noise(5, d) + if is_fee(FIRST + d as i32) { 100.0 } else { 0.0 })
            .collect()
    };
    let settings = ForecastSettings { through: Day::of_date(2023, 7, 9), months: 2, levels: Vec::new() };
    let scheduled = |months| {
        let leaves = [leaf(ChargeKind::Uncategorised, values(months))];
        number(CostForecast::new(&leaves, &settings).groups(&[whole(0)])[0].months[1].scheduled)
    };
    assert_eq!((scheduled(1), scheduled(2)), (0.0, 0.0));
    assert!((scheduled(3) - 100.0).abs() < 1.0, "{}", scheduled(3));
}

#[test]
fn scheduled_charges_recur_on_their_day_and_others_do_not() {
    let on_day = |of_month: u32, amount: f64| -> Vec<f64> {
        let day = |d: usize| if (FIRST + d as i32).date().2 == of_month { amount } else { 0.0 };
        (0..59 + 8).map(day).collect()
    };
    let through = Day::of_date(2023, 3, 8);
    let check = |kind, of_month, amount, expected: f64, due: Option<usize>| {
        let forecast = forecast_one(&leaf(kind, on_day(of_month, amount)), through);
        let month = &forecast.months[0];
        assert_eq!((number(month.scheduled), number(month.remainder)), (expected, 0.0), "{kind:?}");
        let found = forecast.days.iter().position(|day| !day.scheduled.is_zero());
        assert_eq!(found, due, "{kind:?}");
    };
    check(ChargeKind::Recurring, 15, 40.0, 40.0, Some(14));
    check(ChargeKind::Tax, 20, 7.0, 7.0, Some(19));
    check(ChargeKind::Credit, 28, -30.0, -30.0, Some(27));
    check(ChargeKind::Once, 15, 40.0, 0.0, None);
    check(ChargeKind::Recurring, 3, 40.0, 0.0, None);
    // Paid early this month: on the 6th instead of the 15th.
    let mut early = on_day(15, 40.0);
    early[59 + 5] = 40.0;
    assert!(forecast_one(&leaf(ChargeKind::Recurring, early), through).months[0].scheduled.is_zero());
}

#[test]
fn an_unknown_day_is_estimated_and_never_0() {
    let steady: Vec<f64> = (0..400).map(|day| 10.0 + 0.1 * noise(6, day)).collect();
    let through = Day::of_date(2024, 1, 20);
    let mut gaps = leaf(ChargeKind::Usage, steady);
    let complete = total(&forecast_one(&gaps, through));
    for day in [100, 200, 230] {
        gaps.costs.values[day] = None;
    }
    let in_month = (Day::of_date(2024, 1, 8) - FIRST) as usize;
    gaps.costs.values[in_month] = None;
    gaps.costs.values[in_month + 1] = None;
    let forecast = forecast_one(&gaps, through);
    assert!((total(&forecast) - complete).abs() < 2.0, "{} instead of {complete}", total(&forecast));
    let estimated: Vec<usize> = (0..20).filter(|day| !forecast.days[*day].remainder.is_zero()).collect();
    assert_eq!(estimated, [7, 8]);
    let error = forecast.months[0].error.unwrap();
    assert_eq!(error.origins, 8, "months with an unknown day score nothing");
}

#[test]
fn a_short_history_states_its_limits() {
    let check = |days: usize, method: &str, has_error: bool, has_interval: bool| {
        let values: Vec<f64> = (0..days).map(|day| 10.0 + noise(7, day)).collect();
        let forecast = forecast_one(&leaf(ChargeKind::Usage, values), FIRST + days as i32 - 1);
        let month = &forecast.months[0];
        assert!(month.method.contains(method), "{days} days: {}", month.method);
        assert_eq!(month.error.is_some(), has_error, "{days} days: {month:?}");
        assert_eq!(!month.intervals.is_empty(), has_interval, "{days} days: {month:?}");
    };
    check(1, "run-rate (under 14 days)", false, false);
    check(13, "run-rate (under 14 days)", false, false);
    check(14, "under two months", false, false);
    check(58, "under two months", false, false);
    check(70, "", true, true);
}

/// In the second month alone, the models were more than the run-rate. One month does not choose one
/// of them, so the last week is repeated, which is all after the step.
#[test]
fn a_step_in_the_last_week_of_a_bill_of_two_months_is_not_ignored() {
    let (end, step) = (Day::of_date(2023, 3, 1), Day::of_date(2023, 2, 21));
    let cost = |day: usize| if FIRST + (day as i32) < step { 8.0 } else { 100.0 };
    let bill = leaf(ChargeKind::Usage, (0..(end - FIRST) as usize).map(cost).collect());
    let forecast = forecast_one(&bill, end - 1);
    assert_eq!(forecast.months[0].method, "last-week");
    assert_eq!(total(&forecast), 3_100.0);
}

#[test]
fn one_month_of_errors_does_not_choose_a_model() {
    for seed in 0..8 {
        let days = (Day::of_date(2023, 3, 1) - FIRST) as usize;
        let cost = |day: usize| 10.0 + 3.0 * noise(seed, day);
        let forecast = forecast_one(&leaf(ChargeKind::Usage, (0..days).map(cost).collect()), FIRST + 58);
        // The forecast of January had no history, so that of February has the only error.
        assert_eq!(forecast.months[0].method, "last-week", "seed {seed}");
    }
}

#[test]
fn thin_and_odd_inputs_have_finite_answers() {
    let group = |leaves: &[CostLeaf], through| {
        let parts = (0..leaves.len()).map(|leaf| LeafPart { leaf, costs: None }).collect();
        CostForecast::new(leaves, &settings(through)).groups(&[LeafGroup { parts }]).remove(0)
    };
    let through = FIRST + 99;
    let nothing = group(&[], through);
    assert_eq!((total(&nothing), nothing.months[0].method.as_str()), (0.0, "none"));
    let odd = [
        Vec::new(),
        vec![0.0; 100],
        vec![-5.0; 100],
        vec![3.0; 100],
        (0..100).map(|day| if day == 99 { 1e9 } else { 0.0 }).collect(),
        (0..100).map(|day| 2_f64.powi(day)).collect(),
        (0..100).map(|day| if day % 2 == 0 { 1e-9 } else { 1e9 }).collect(),
    ];
    for values in odd {
        let shown = format!("{:?}", values.last());
        let found = group(&[leaf(ChargeKind::Usage, values)], through);
        assert!(total(&found).is_finite(), "{shown}");
        assert!(found.months[0].intervals.iter().all(|interval| interval.lower <= interval.upper), "{shown}");
    }
    assert!((total(&group(&[leaf(ChargeKind::Usage, vec![-5.0; 100])], through)) + 150.0).abs() < 0.01);
    // 29 February is a day of the month like all others.
    let leap = Day::of_date(2024, 2, 10);
    let steady = leaf(ChargeKind::Usage, vec![3.0; (leap - FIRST) as usize + 1]);
    assert!((total(&group(&[steady], leap)) - 87.0).abs() < 0.01);
}

#[test]
fn a_plan_changes_the_days_after_the_last_known_one() {
    let mut planned = leaf(ChargeKind::Usage, vec![10.0; 100]);
    let through = FIRST + 99; // 2023-04-10
    let before = total(&forecast_one(&planned, through));
    let last = Some(Day::of_date(2023, 4, 20));
    planned.plans.push(PlannedCost { first: Day::of_date(2023, 4, 1), last, cost_per_day: 2.0 });
    planned.plans.push(PlannedCost { first: Day::of_date(2023, 4, 26), last: None, cost_per_day: -10.0 });
    let after = forecast_one(&planned, through);
    assert!((total(&after) - before - 20.0 + 50.0).abs() < 0.001, "{} after {before}", total(&after));
    assert!(number(after.days[29].remainder).abs() < 0.001, "an ended resource costs nothing");
}

#[test]
fn the_interval_of_a_group_comes_from_its_own_totals() {
    // The leaves' costs move against each other, so that their sum is certain.
    let wave = |sign: f64| -> Vec<f64> {
        (0..455).map(|day| 100.0 + sign * 40.0 * noise(8, day / 9) + 0.1 * noise(9, day)).collect()
    };
    let leaves = [leaf(ChargeKind::Usage, wave(1.0)), leaf(ChargeKind::Usage, wave(-1.0))];
    let forecast = CostForecast::new(&leaves, &settings(Day::of_date(2024, 3, 10)));
    let parts = vec![LeafPart { leaf: 0, costs: None }, LeafPart { leaf: 1, costs: None }];
    let width = |groups: &[LeafGroup]| {
        let interval = &forecast.groups(groups)[0].months[0].intervals[1];
        number(interval.upper - interval.lower)
    };
    let (alone, together) = (width(&[whole(0)]), width(&[LeafGroup { parts }]));
    assert!(together < 0.5 * alone, "{together} of the sum, {alone} of a part");
}

/// Usage on a few days of each month, so that the past errors are larger than the costs.
fn jobs(size: f64) -> Vec<f64> {
    (0..440).map(|day| if noise(11, day / 3) > 0.6 { size * (2.0 + noise(12, day)) } else { 0.0 }).collect()
}

#[test]
fn the_lower_end_of_usage_is_never_below_its_actual_cost_and_that_of_credits_can_be_negative() {
    let through = Day::of_date(2024, 3, 10);
    let settings = ForecastSettings { through, months: 4, levels: vec![0.80, 0.95] };
    let months = |leaves: &[CostLeaf], parts: Vec<LeafPart>| -> Vec<MonthForecast> {
        CostForecast::new(leaves, &settings).groups(&[LeafGroup { parts }]).remove(0).months
    };
    let lower = |month: &MonthForecast| number(month.intervals[1].lower);
    let usage = leaf(ChargeKind::Usage, jobs(100.0));
    let part = DailyCosts { first: FIRST, values: jobs(50.0).into_iter().map(Some).collect() };
    for costs in [None, Some(part)] {
        let found = months(std::slice::from_ref(&usage), vec![LeafPart { leaf: 0, costs }]);
        assert!(found.iter().all(|month| lower(month) >= month.actual), "{found:?}");
        assert!(lower(&found[3]) == 0.0, "the past errors alone would allow a negative end: {found:?}");
    }
    let credit = leaf(ChargeKind::Credit, vec![-10.0; 440]);
    let both = [0, 1].map(|leaf| LeafPart { leaf, costs: None }).to_vec();
    let last = &months(&[usage, credit], both)[3];
    assert!(number(last.scheduled + last.remainder) > 0.0, "{last:?}");
    assert!(lower(last) < 0.0, "credits can exceed usage: {last:?}");
}

#[test]
fn a_part_without_recent_cost_gets_nothing_of_its_leaf() {
    let whole_leaf = leaf(ChargeKind::Usage, vec![4.0; 100]);
    let forecast = CostForecast::new(std::slice::from_ref(&whole_leaf), &settings(FIRST + 99));
    let part = |values: Vec<f64>| {
        let costs = DailyCosts { first: FIRST, values: values.into_iter().map(Some).collect() };
        LeafGroup { parts: vec![LeafPart { leaf: 0, costs: Some(costs) }] }
    };
    let gone = (0..100).map(|day| if day < 50 { 4.0 } else { 0.0 }).collect();
    let came = (0..100).map(|day| if day < 50 { 0.0 } else { 3.0 }).collect();
    let small = (0..100).map(|day| if day < 50 { 0.0 } else { 1.0 }).collect();
    let found = forecast.groups(&[part(gone), part(came), part(small)]);
    let remainders: Vec<f64> = found.iter().map(|group| number(group.months[0].remainder)).collect();
    assert!(remainders[0] == 0.0 && (remainders[1] - 60.0).abs() < 0.01, "{remainders:?}");
    assert!((remainders[2] - 20.0).abs() < 0.01, "{remainders:?}");
}

fn any_values() -> impl Strategy<Value = Vec<f64>> {
    (0..1000_u64, 20..200_usize).prop_map(|(seed, days)| lively(seed, days))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn days_after_the_last_known_one_change_nothing(
        values in any_values(),
        later in prop::collection::vec(-1e6..1e6_f64, 1..60),
        kind in prop::sample::select(vec![
            ChargeKind::Usage, ChargeKind::Uncategorised, ChargeKind::Recurring, ChargeKind::Credit,
        ]),
    ) {
        let through = FIRST + values.len() as i32 - 1;
        let known = leaf(kind, values.clone());
        let with_later = leaf(kind, values.into_iter().chain(later).collect());
        let settings = ForecastSettings { through, months: 3, levels: vec![0.8] };
        let forecast = |leaf: CostLeaf| CostForecast::new(&[leaf], &settings).groups(&[whole(0)]);
        prop_assert_eq!(forecast(known), forecast(with_later));
    }

    #[test]
    fn every_grouping_adds_up_to_the_last_digit(
        seeds in prop::collection::vec(0..1000_u64, 1..6),
        shares in prop::collection::vec(0.0..1.0_f64, 1..5),
        cut in 0..6_usize,
    ) {
        let days = 130;
        let leaves: Vec<CostLeaf> =
            seeds.iter().map(|seed| leaf(ChargeKind::Usage, lively(*seed, days))).collect();
        let settings = ForecastSettings { through: FIRST + 120, months: 2, levels: Vec::new() };
        let forecast = CostForecast::new(&leaves, &settings);
        let parts: Vec<LeafPart> = (0..leaves.len()).map(|leaf| LeafPart { leaf, costs: None }).collect();
        let sums = |groups: &[LeafGroup]| -> Vec<Decimal> {
            let groups = forecast.groups(groups);
            let of_month = |month: usize| groups.iter().map(|g| g.months[month].remainder).sum();
            (0..2).map(of_month).collect()
        };
        let all = sums(&[LeafGroup { parts: parts.clone() }]);
        let (left, right) = parts.split_at(cut.min(parts.len()));
        prop_assert_eq!(&all, &sums(&[LeafGroup { parts: left.into() }, LeafGroup { parts: right.into() }]));
        let tagged: Vec<LeafGroup> = shares.iter().map(|share| {
            let part = |index: usize| {
                let values = leaves[index].costs.values.iter().map(|cost| cost.map(|c| c * share));
                let costs = DailyCosts { first: FIRST, values: values.collect() };
                LeafPart { leaf: index, costs: Some(costs) }
            };
            LeafGroup { parts: (0..leaves.len()).map(part).collect() }
        }).collect();
        prop_assert_eq!(&all, &sums(&tagged));
    }
}
