use proptest::prelude::*;

use super::{CHOICE_HOURS, CommitmentDemand, JUDGED_HOURS, PlanUsage};

fn usage(hour: usize, on_demand_cost: f64, plan_cost: f64) -> PlanUsage {
    PlanUsage { hour, on_demand_cost, plan_cost }
}

/// One line of usage an hour with the same discount in all hours.
fn even_discount(costs: &[f64], discount: f64) -> CommitmentDemand {
    let lines = costs.iter().enumerate();
    let lines = lines.map(|(hour, cost)| usage(hour, *cost, cost * (1.0 - discount))).collect();
    CommitmentDemand::new(costs.len(), lines)
}

/// Up to 12 hours with up to 4 lines each. Costs under the plan are whole numbers, so a commitment
/// that covers some lines completely is one of the whole numbers up to 3,000.
fn demands() -> impl Strategy<Value = CommitmentDemand> {
    let line = (1u32..750, 0.0..0.8f64).prop_map(|(plan, discount)| (f64::from(plan), discount));
    let hour = prop::collection::vec(line, 0..=4);
    prop::collection::vec(hour, 1..12).prop_map(|hours| {
        let lines = hours.iter().enumerate().flat_map(|(hour, lines)| {
            lines.iter().map(move |(plan, discount)| usage(hour, plan / (1.0 - discount), *plan))
        });
        CommitmentDemand::new(hours.len(), lines.collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_best_commitment_costs_as_little_as_the_best_of_a_grid(demand in demands()) {
        let all = 0..demand.hours();
        let cost = |commitment: f64| demand.effect(all.clone(), commitment).cost;
        let best = demand.best(all.clone());
        let grid = (0..=3000).map(|point| cost(f64::from(point))).fold(f64::INFINITY, f64::min);
        let rounding = 1e-9 * demand.effect(all.clone(), 0.0).on_demand_cost;
        prop_assert!((cost(best) - grid).abs() <= rounding, "{best}: {} {grid}", cost(best));
        // Convex: the cost between two commitments is at most the mean of their costs.
        for (low, high) in [(0.0, best), (best, 3000.0), (best / 2.0, best * 2.0)] {
            let mean = (cost(low) + cost(high)) / 2.0;
            prop_assert!(cost((low + high) / 2.0) <= mean + rounding);
        }
    }

    #[test]
    fn with_one_discount_the_best_is_that_quantile_of_the_on_demand_cost(
        costs in prop::collection::vec(1.0..100.0f64, 1..200),
        discount in 0.05..0.7f64,
    ) {
        let best = even_discount(&costs, discount).best(0..costs.len());
        let mut sorted = costs.clone();
        sorted.sort_by(f64::total_cmp);
        let at = ((discount * costs.len() as f64).ceil() as usize).max(1) - 1;
        let expected = (1.0 - discount) * sorted[at];
        prop_assert!((best - expected).abs() < 1e-9, "{best} {expected}");
    }

    #[test]
    fn the_parts_of_an_effect_add_up(demand in demands(), commitment in 0.0..3000.0f64) {
        let effect = demand.effect(0..demand.hours(), commitment);
        let paid = commitment * effect.hours as f64;
        let uncovered = effect.on_demand_cost - effect.covered_cost;
        prop_assert!((effect.cost - paid - uncovered).abs() < 1e-6);
        prop_assert!(effect.used_commitment <= paid + 1e-6);
        prop_assert!(effect.covered_cost <= effect.on_demand_cost + 1e-6);
        let coverage = effect.coverage().unwrap_or(0.0);
        prop_assert!((-1e-9..=1.0 + 1e-9).contains(&coverage));
    }
}

#[test]
fn the_highest_discount_is_covered_first() {
    let demand = CommitmentDemand::new(1, vec![usage(0, 10.0, 8.0), usage(0, 10.0, 5.0), usage(0, 4.0, 4.0)]);
    let effect = demand.effect(0..1, 5.0);
    assert_eq!((effect.covered_cost, effect.on_demand_cost, effect.cost), (10.0, 24.0, 19.0));
    let effect = demand.effect(0..1, 9.0);
    assert_eq!((effect.covered_cost, effect.used_commitment, effect.cost), (15.0, 9.0, 18.0));
    // Usage without a discount is never covered, so more is unused.
    let effect = demand.effect(0..1, 20.0);
    assert_eq!((effect.covered_cost, effect.used_commitment, effect.cost), (20.0, 13.0, 24.0));
    assert_eq!(effect.saving(), 0.0);
    assert_eq!(demand.best(0..1), 13.0);
}

#[test]
fn usage_without_a_discount_and_no_usage_have_no_commitment() {
    let none = CommitmentDemand::new(48, Vec::new());
    assert_eq!((none.best(0..48), none.floor(0..48, 0.05)), (0.0, 0.0));
    let effect = none.effect(0..48, 1.0);
    assert_eq!((effect.cost, effect.coverage(), effect.utilisation()), (48.0, None, Some(0.0)));
    let free = CommitmentDemand::new(2, vec![usage(0, 0.0, 1.0), usage(1, 1.0, 0.0), usage(2, 9.0, 1.0)]);
    assert_eq!((free.best(0..2), free.effect(0..2, 0.0).cost), (0.0, 1.0));
    assert_eq!(none.effect(0..48, 0.0).utilisation(), None);
}

#[test]
fn the_floor_is_used_completely_in_all_other_hours() {
    let costs: Vec<f64> = (1..=100).map(f64::from).collect();
    let demand = even_discount(&costs, 0.5);
    let floor = demand.floor(0..100, 0.05);
    let used = (0..100).filter(|hour| demand.effect(*hour..hour + 1, floor).utilisation() == Some(1.0));
    assert_eq!((floor, used.count()), (3.0, 95));
}

#[test]
fn past_choices_count_the_losses_of_usage_that_ended() {
    let window = 30 * 24;
    let steady = even_discount(&[10.0; 90 * 24], 0.3);
    let past = steady.past_choices(window, 365 * 24).unwrap();
    assert_eq!((past.choices, past.worse_than_nothing), (5, 0.0));
    assert!((past.cost_over_hindsight - 1.0).abs() < 1e-9, "{past:?}");
    assert_eq!(past.judged_hours, 90 * 24 - window - 4 * CHOICE_HOURS);

    // Usage ends after 40 days: choices of before then are paid for nothing.
    let costs: Vec<f64> = (0..90 * 24).map(|hour| if hour < 40 * 24 { 10.0 } else { 0.0 }).collect();
    let past = even_discount(&costs, 0.3).past_choices(window, 365 * 24).unwrap();
    assert!(past.worse_than_nothing >= 0.4 && past.cost_over_hindsight > 2.0, "{past:?}");

    let short = even_discount(&vec![10.0; window + JUDGED_HOURS - 1], 0.3);
    assert_eq!(short.past_choices(window, 365 * 24), None);
    assert_eq!(CommitmentDemand::default().past_choices(window, 24), None);
}
