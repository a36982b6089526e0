//! The cost of choosing a region by its price now, beside other rules. The cost of a choice is the
//! mean price of the next four weeks, divided by that of the region which was then the cheapest.

use std::collections::BTreeMap;

use analysis::{MarketPlace, rank_places};
use domain::Decimal;

use crate::check;
use crate::prices::PriceTable;

/// Weeks that the other rules look back.
const PAST: usize = 8;

/// Weeks of use after the choice.
const AHEAD: usize = 4;

const HOME: &str = "us-east-1";

/// The weekly prices of one type by region, each of the region's cheapest zone.
type RegionPrices<'a> = BTreeMap<&'a str, Vec<Option<f64>>>;

/// Prints the table. Returns whether the bars are met.
pub(crate) fn measure(table: &PriceTable) -> bool {
    let mut types: BTreeMap<&str, RegionPrices<'_>> = BTreeMap::new();
    for series in &table.series {
        let of_type = types.entry(&series.instance_type).or_default();
        let cheapest = of_type.entry(&series.region).or_insert_with(|| vec![None; series.weeks.len()]);
        for (lowest, price) in cheapest.iter_mut().zip(&series.weeks) {
            *lowest = [*lowest, *price].into_iter().flatten().min_by(f64::total_cmp);
        }
    }
    let mut costs: [Vec<f64>; RULES.len()] = Default::default();
    for regions in types.values() {
        let weeks = regions.values().map(Vec::len).max().unwrap_or_default();
        for now in PAST..weeks.saturating_sub(AHEAD) {
            score(regions, now, &mut costs);
        }
    }
    println!("The price of the four weeks after the choice, divided by that of the best region:\n");
    println!("| rule | choices | mean | p90 |\n|---|---:|---:|---:|");
    for ((name, _), costs) in RULES.iter().zip(&mut costs) {
        println!("| {name} | {} | {:.3} | {:.3} |", costs.len(), mean(costs), p90(costs));
    }
    println!("\n| figure | measured | bar | |\n|---|---:|---|---|");
    let ours = [
        check("cheapest now, mean", mean(&costs[0]), 1.0, 1.04),
        check("cheapest now, p90", p90(&mut costs[0]), 1.0, 1.12),
    ];
    ours.iter().all(|is_met| *is_met)
}

/// The prices of one region before and at the choice.
struct KnownPrices<'a> {
    region: &'a str,
    past: &'a [Option<f64>],
    now: f64,
}

/// A rule that chooses a region; `None` if it cannot.
type ChoiceRule = fn(&[KnownPrices<'_>]) -> Option<usize>;

const RULES: [(&str, ChoiceRule); 4] = [
    ("cheapest now (truffle arbitrage)", cheapest_now),
    ("cheapest in most of 8 weeks", cheapest_most_often),
    ("lowest mean of 8 weeks", lowest_mean),
    ("home, us-east-1", home),
];

/// Scores every rule at one week. All choose among the regions with prices in all 12 weeks.
fn score(regions: &RegionPrices<'_>, now: usize, costs: &mut [Vec<f64>; RULES.len()]) {
    let is_complete =
        |prices: &&Vec<Option<f64>>| prices[now - PAST..=now + AHEAD].iter().all(Option::is_some);
    let complete: Vec<(&str, &Vec<Option<f64>>)> =
        regions.iter().map(|(region, prices)| (*region, prices)).filter(|(_, p)| is_complete(p)).collect();
    if complete.len() < 2 || complete.iter().all(|(region, _)| *region != HOME) {
        return;
    }
    let before: Vec<KnownPrices<'_>> = complete
        .iter()
        .map(|(region, prices)| KnownPrices {
            region,
            past: &prices[now - PAST..now],
            now: prices[now].unwrap_or_default(),
        })
        .collect();
    let after: Vec<f64> = complete
        .iter()
        .map(|(_, prices)| mean(&prices[now + 1..=now + AHEAD].iter().flatten().copied().collect::<Vec<_>>()))
        .collect();
    let best = after.iter().copied().fold(f64::INFINITY, f64::min);
    for ((_, rule), costs) in RULES.iter().zip(costs) {
        costs.extend(rule(&before).map(|chosen| after[chosen] / best));
    }
}

fn cheapest_now(regions: &[KnownPrices<'_>]) -> Option<usize> {
    let place = |region: &KnownPrices<'_>| MarketPlace {
        is_offered: Some(true),
        price_now: Decimal::try_from(region.now).ok(),
        past_prices: Vec::new(),
    };
    rank_places(&regions.iter().map(place).collect::<Vec<_>>()).first().map(|rank| rank.place)
}

fn cheapest_most_often(regions: &[KnownPrices<'_>]) -> Option<usize> {
    let mut weeks = vec![0; regions.len()];
    for week in 0..PAST {
        let best = regions.iter().filter_map(|region| region.past[week]).fold(f64::INFINITY, f64::min);
        for (count, region) in weeks.iter_mut().zip(regions) {
            *count += usize::from(region.past[week] == Some(best));
        }
    }
    // The first region of several.
    (0..regions.len()).rev().max_by_key(|at| weeks[*at])
}

fn lowest_mean(regions: &[KnownPrices<'_>]) -> Option<usize> {
    let mean_of = |at: &usize| mean(&regions[*at].past.iter().flatten().copied().collect::<Vec<_>>());
    (0..regions.len()).min_by(|a, b| mean_of(a).total_cmp(&mean_of(b)))
}

fn home(regions: &[KnownPrices<'_>]) -> Option<usize> {
    regions.iter().position(|region| region.region == HOME)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn p90(values: &mut [f64]) -> f64 {
    let rank = values.len().saturating_sub(1) * 9 / 10;
    values.sort_by(f64::total_cmp);
    values.get(rank).copied().unwrap_or(f64::NAN)
}
