//! The best commitment beside the best one of a grid, and beside the quantile of one discount.

use analysis::{CommitmentDemand, PlanUsage};

use crate::random::RandomStream;

const DEMANDS: u64 = 1_000;
/// Points of the grid. Costs under the plan are whole numbers below it, so that a point of the grid
/// is among the best commitments.
const GRID: usize = 3_000;

/// Prints the largest differences over random demands.
pub(crate) fn print(seed: u64) {
    let over_grid = (0..DEMANDS).map(|at| over_grid(&mut RandomStream::new(seed, at)));
    let off_quantile = (0..DEMANDS).map(|at| off_quantile(&mut RandomStream::new(seed + 1, at)));
    println!("{DEMANDS} random demands, seed {seed}; the bar is rounding, 1e-9:");
    println!("largest excess over the best of a grid of {GRID}: {:.1e}", over_grid.fold(0.0, f64::max));
    println!("largest distance from (1 - s) x the s-quantile: {:.1e}\n", off_quantile.fold(0.0, f64::max));
}

/// Returns the cost of the best commitment above that of the best point of the grid, as a share of
/// the cost on demand.
fn over_grid(random: &mut RandomStream) -> f64 {
    let hours = random.whole(1, 11);
    let mut usage = Vec::new();
    for hour in 0..hours {
        for _ in 0..random.whole(0, 4) {
            let plan_cost = random.whole(1, 749) as f64;
            let on_demand_cost = plan_cost / (1.0 - random.between(0.0, 0.8));
            usage.push(PlanUsage { hour, on_demand_cost, plan_cost });
        }
    }
    let demand = CommitmentDemand::new(hours, usage);
    let effect = |commitment: f64| demand.effect(0..hours, commitment);
    let grid = (0..=GRID).map(|point| effect(point as f64).cost).fold(f64::INFINITY, f64::min);
    let best = effect(demand.best(0..hours));
    if best.on_demand_cost > 0.0 { (best.cost - grid) / best.on_demand_cost } else { 0.0 }
}

/// Returns the relative distance of the best commitment from (1 - s) x the s-quantile of the hourly
/// cost, where all usage has the discount s.
fn off_quantile(random: &mut RandomStream) -> f64 {
    let discount = random.between(0.05, 0.7);
    let costs: Vec<f64> = (0..random.whole(1, 199)).map(|_| random.between(1.0, 100.0)).collect();
    let line = |(hour, cost): (usize, &f64)| PlanUsage {
        hour,
        on_demand_cost: *cost,
        plan_cost: cost * (1.0 - discount),
    };
    let demand = CommitmentDemand::new(costs.len(), costs.iter().enumerate().map(line).collect());
    let mut sorted = costs.clone();
    sorted.sort_by(f64::total_cmp);
    let at = ((discount * costs.len() as f64).ceil() as usize).max(1) - 1;
    let expected = (1.0 - discount) * sorted[at];
    (demand.best(0..costs.len()) / expected - 1.0).abs()
}
