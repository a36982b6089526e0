//! The leaves behind a change of cost.

use crate::ExactCost;

/// The part of a change that listed drivers explain, of the sum of all amounts.
const EXPLAINED: f64 = 0.8;

/// The part of a change that comes from one leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct CostDriver<K> {
    /// The leaf; `None` stands for all leaves that are not listed.
    pub leaf: Option<K>,
    /// The leaf's actual cost less its expected cost.
    pub contribution: ExactCost,
    /// The contribution's amount in percent of the amounts of all leaves. Amounts have no sign, so
    /// a rise and an equal fall have 50 % each.
    pub share_percent: f64,
}

/// Lists the leaves by the amount of their contribution until they make up 80 % of all amounts,
/// then one row for the rest of `change`, if there is one. The contributions of all rows add up to
/// `change`.
pub fn find_drivers<K: Ord>(mut leaves: Vec<(K, ExactCost)>, change: ExactCost) -> Vec<CostDriver<K>> {
    leaves.retain(|(_, contribution)| *contribution != ExactCost::ZERO);
    leaves.sort_by(|(a_leaf, a), (b_leaf, b)| b.size().cmp(&a.size()).then_with(|| a_leaf.cmp(b_leaf)));
    let all: f64 = leaves.iter().map(|(_, contribution)| contribution.size().to_f64()).sum();
    let (mut listed, mut rest, mut drivers) = (0.0, change, Vec::new());
    for (leaf, contribution) in leaves {
        if listed >= EXPLAINED * all {
            break;
        }
        let amount = contribution.size().to_f64();
        listed += amount;
        rest = rest - contribution;
        drivers.push(CostDriver { leaf: Some(leaf), contribution, share_percent: 100.0 * amount / all });
    }
    if rest != ExactCost::ZERO {
        let share_percent = if all > 0.0 { (100.0 * (1.0 - listed / all)).max(0.0) } else { 100.0 };
        drivers.push(CostDriver { leaf: None, contribution: rest, share_percent });
    }
    drivers
}

#[cfg(test)]
mod tests {
    use super::*;

    type DriverRow = (Option<&'static str>, i128, i64);

    fn drivers(contributions: &[(&'static str, i128)], change: i128) -> Vec<DriverRow> {
        let exact = contributions.iter().map(|(leaf, amount)| (*leaf, ExactCost(*amount))).collect();
        find_drivers(exact, ExactCost(change))
            .into_iter()
            .map(|driver| (driver.leaf, driver.contribution.0, driver.share_percent.round() as i64))
            .collect()
    }

    #[test]
    fn leaves_are_listed_by_amount_until_most_is_explained() {
        let found = drivers(&[("a", 5), ("b", -60), ("c", 30), ("d", 0), ("e", 5)], -20);
        assert_eq!(found, [(Some("b"), -60, 60), (Some("c"), 30, 30), (None, 10, 10)]);
    }

    #[test]
    fn two_moves_that_cancel_are_both_listed() {
        let found = drivers(&[("a", 100), ("b", 1), ("c", -100)], 1);
        assert_eq!(found, [(Some("a"), 100, 50), (Some("c"), -100, 50), (None, 1, 0)]);
    }

    #[test]
    fn the_rows_add_up_to_a_change_that_the_leaves_do_not_explain() {
        assert_eq!(drivers(&[("a", 90)], 100), [(Some("a"), 90, 100), (None, 10, 0)]);
        assert_eq!(drivers(&[], 7), [(None, 7, 100)]);
        assert_eq!(drivers(&[("a", 0)], 0), []);
    }
}
