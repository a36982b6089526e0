//! Moves of two leaves at once, and whether the first driver is the larger one.

use analysis::{AnomalyRule, ExactCost, find_anomalies, find_drivers};

use crate::random::RandomStream;
use crate::series::JudgedSeries;

/// Leaves of a bill.
const LEAVES: usize = 60;

/// Bills of a seed.
const BILLS: usize = 60;

/// Days of the moves.
const DAYS: usize = 3;

/// The part of bills in which the first driver is the leaf that moved most; either of both if the
/// moves add up to 0.
pub(crate) fn first_right(seed: u64, series: &[JudgedSeries]) -> f64 {
    let right = (0..BILLS)
        .filter(|bill| is_first_right(*bill, series, &mut RandomStream::new(seed, 2_000_000 + *bill as u64)));
    right.count() as f64 / BILLS as f64
}

fn is_first_right(bill: usize, series: &[JudgedSeries], random: &mut RandomStream) -> bool {
    let mut leaves: Vec<Vec<f64>> =
        (0..LEAVES).map(|_| series[random.whole(0, series.len() - 1)].values.clone()).collect();
    let begin = random.whole(120, leaves[0].len() - 50);
    let cost = |leaf: &[f64]| leaf[begin - 7..begin].iter().sum::<f64>() / 7.0;
    let all: f64 = leaves.iter().map(|leaf| cost(leaf)).sum();
    // Moves of 5 to 20 % of the bill; in every third bill they add up to 0.
    let first = all * random.between(0.05, 0.20);
    let is_balanced = bill.is_multiple_of(3);
    let second = if is_balanced { -first } else { first * random.between(-0.8, 0.8) };
    let (a, b) = (random.whole(0, LEAVES - 1), random.whole(0, LEAVES - 2));
    let b = if b >= a { b + 1 } else { b };
    for (leaf, move_by) in [(a, first), (b, second)] {
        leaves[leaf][begin..begin + DAYS].iter_mut().for_each(|cost| *cost += move_by);
    }
    let contributions =
        leaves.iter().enumerate().map(|(leaf, values)| (leaf, contribution(values, begin, series)));
    let contributions: Vec<(usize, ExactCost)> = contributions.collect();
    let change = contributions.iter().map(|(_, amount)| *amount).sum();
    let leaf = find_drivers(contributions, change)[0].leaf;
    leaf == Some(a) || is_balanced && leaf == Some(b)
}

/// The actual less the expected cost of the days of the move.
fn contribution(values: &[f64], begin: usize, series: &[JudgedSeries]) -> ExactCost {
    let rule = AnomalyRule::with_alerts_per_year(1.0, true);
    let costs = series[0].costs(&values[..begin + DAYS]);
    let expectations = find_anomalies(&costs, &rule).expectations;
    let days = (begin..begin + DAYS).map(|day| {
        let expected = expectations[day].map_or(0.0, |expected| expected.cost);
        values[day] - expected
    });
    ExactCost::of_f64(days.sum())
}
